# Removes from this host what a CNI and the join have left: nodeadm removes neither containers nor links and routes.
exec 2>/dev/null
if command -v ctr >/dev/null; then
  for task in $(ctr --namespace k8s.io tasks list --quiet); do
    ctr --namespace k8s.io tasks kill --all --signal KILL "$task"
  done
  for container in $(ctr --namespace k8s.io containers list --quiet); do
    ctr --namespace k8s.io tasks delete --force "$container"
    ctr --namespace k8s.io containers delete "$container"
  done
fi
for link in $(ip -o link show | sed -n 's/^[0-9]*: \([^:@]*\).*/\1/p'); do
  # Deleting a link removes its routes.
  case $link in
    cilium_* | lxc* | cali* | vxlan.calico | vxlan-v6.calico | cni0 | flannel.*) ip link delete "$link" ;;
  esac
done
rm -rf /etc/cni/net.d /var/lib/cni /run/ekshybrid
if [ -e /var/lib/ekshybrid/nodeadm ]; then rm -f /usr/local/bin/nodeadm; fi
rm -rf /var/lib/ekshybrid
exit 0
