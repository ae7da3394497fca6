//! The network of this process's hosts: a bridge with a range of its own out of 10.80.0.0/16, which is the range of
//! hosts in the clusters that accounts begin with.
//!
//! Several sandboxes share a machine, so ranges are claimed under a lock, each with a file that names its owner. A range
//! whose owner has ended is taken away by whoever claims next.

use std::{
    fs::File,
    io::Read,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU8, Ordering},
};

use super::run::ip;
use crate::random;

/// Claimed ranges, by their third number.
const CLAIMS: &str = "/run/ekshybrid-sandbox";
/// First address for a host.
const FIRST: u8 = 10;

pub struct Network {
    /// The third number of all addresses.
    number: u8,
    /// The last number of the address that comes next.
    next: AtomicU8,
}

impl Network {
    /// Makes the bridge of a range that nobody uses.
    pub fn claim() -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("no network could be claimed in {CLAIMS}: {error}");
        std::fs::create_dir_all(CLAIMS).map_err(failed)?;
        let lock = File::create(Path::new(CLAIMS).join("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        sweep();
        let links = ip("-brief address show")?;
        // Begun at random, so that an address does not soon have another owner, whom neighbours take for the first.
        let start = u8::from_str_radix(&random::hex(2), 16).unwrap_or_default();
        let number = (0..=250)
            .map(|step| start.wrapping_add(step))
            .find(|number| !links.contains(&format!(" 10.80.{number}.")) && !claim(*number).exists())
            .ok_or("every range of 10.80.0.0/16 is in use")?;
        let network = Self { number, next: AtomicU8::new(FIRST) };
        std::fs::write(claim(number), owner(std::process::id()).unwrap_or_default()).map_err(failed)?;
        let bridge = network.bridge();
        // A bridge without an address of its own takes the lowest of its ports. Whenever that host came or went, all others
        // would go on sending to the old one, and have neither names nor AWS until their neighbour entry has expired.
        ip(&format!("link add {bridge} address {} type bridge", hardware(network.gateway())))?;
        // Nothing goes on from here: a host's default route ends at the bridge.
        for (setting, value) in [("ipv4/conf", "forwarding=0"), ("ipv6/conf", "disable_ipv6=1")] {
            let (name, value) = value.split_once('=').unwrap_or_default();
            // A kernel without IPv6 has no such file, and needs none.
            let _ = std::fs::write(format!("/proc/sys/net/{setting}/{bridge}/{name}"), value);
        }
        ip(&format!("address add {}/24 dev {bridge}", network.machine()))?;
        ip(&format!("address add {}/24 dev {bridge}", network.gateway()))?;
        ip(&format!("link set {bridge} up"))?;
        Ok(network)
    }

    pub fn bridge(&self) -> String {
        bridge(self.number)
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 80, self.number, last)
    }

    /// From which this machine speaks to hosts. Nothing listens there: a host that does not let this machine in has no
    /// route to it, and still reaches the gateway.
    pub fn machine(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// Where names are resolved, and where AWS and API servers answer.
    pub fn gateway(&self) -> Ipv4Addr {
        self.address(2)
    }

    /// An address that is not among those in use. The one that was used longest ago comes first: the interface of a host
    /// that has ended stays on the bridge until the kernel has dismantled its namespace.
    pub fn free(&self, used: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        let count = 255 - FIRST;
        let begin = self.next.load(Ordering::SeqCst) - FIRST;
        let last = (0..count)
            .map(|step| FIRST + u8::try_from((u16::from(begin) + u16::from(step)) % u16::from(count)).unwrap_or(0))
            .find(|last| !used.contains(&self.address(*last)))?;
        self.next.store(if last == 254 { FIRST } else { last + 1 }, Ordering::SeqCst);
        Some(self.address(last))
    }

    /// Whether a host may have this address.
    pub fn holds(&self, address: Ipv4Addr) -> bool {
        let last = address.octets()[3];
        (FIRST..=254).contains(&last) && self.address(last) == address
    }

    /// The name of a host's interface on this machine.
    pub fn link(&self, address: Ipv4Addr) -> String {
        format!("eksh{}.{}", self.number, address.octets()[3])
    }

    /// Removes the bridge. Hosts' interfaces go with their namespaces.
    pub fn end(&self) {
        let _ = ip(&format!("link delete {}", self.bridge()));
        let _ = std::fs::remove_file(claim(self.number));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.end();
    }
}

fn bridge(number: u8) -> String {
    format!("ekshb{number}")
}

fn claim(number: u8) -> PathBuf {
    Path::new(CLAIMS).join(number.to_string())
}

/// A process and when it began, so that another one that gets its number later is not taken for it.
fn owner(id: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may hold blanks. The start is the 22nd field, the 20th after it.
    let began = stat.rsplit_once(") ")?.1.split(' ').nth(19)?;
    Some(format!("{id} {began}"))
}

/// The hardware address that goes with an address: neighbours remember it.
pub fn hardware(address: Ipv4Addr) -> String {
    let [.., third, last] = address.octets();
    format!("02:00:0a:50:{third:02x}:{last:02x}")
}

/// Removes the bridges and claims of processes that have ended.
fn sweep() {
    for entry in std::fs::read_dir(CLAIMS).into_iter().flatten().flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<u8>().ok()) else { continue };
        let mut text = String::new();
        if File::open(entry.path()).and_then(|mut file| file.read_to_string(&mut text)).is_err() {
            continue;
        }
        let id = text.split(' ').next().and_then(|id| id.parse().ok()).unwrap_or_default();
        if owner(id).as_deref() != Some(&text) {
            let _ = ip(&format!("link delete {}", bridge(number)));
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let network = std::mem::ManuallyDrop::new(Network { number: 17, next: AtomicU8::new(FIRST) });
        let address = |last| Ipv4Addr::new(10, 80, 17, last);
        assert_eq!(network.free(&[]), Some(address(10)));
        // It has ended, and its address still has time.
        assert_eq!(network.free(&[]), Some(address(11)));
        assert_eq!(network.free(&[address(12)]), Some(address(13)));
        let all: Vec<Ipv4Addr> = (10..=253).map(address).collect();
        assert_eq!(network.free(&all), Some(address(254)));
        assert_eq!(network.free(&[]), Some(address(10)));
        assert_eq!(network.free(&[all, vec![address(254)]].concat()), None);
        assert!(network.holds(Ipv4Addr::new(10, 80, 17, 254)));
        for outside in [[10, 80, 17, 2], [10, 80, 18, 11], [10, 81, 17, 11], [10, 80, 17, 255]] {
            assert!(!network.holds(Ipv4Addr::from(outside)), "{outside:?}");
        }
    }

    #[test]
    fn an_owner_is_told_from_a_later_process_of_the_same_number() {
        let own = std::process::id();
        let text = owner(own).unwrap();
        assert!(text.starts_with(&format!("{own} ")), "{text}");
        assert!(text.split(' ').nth(1).unwrap().parse::<u64>().is_ok());
        assert_eq!(owner(u32::MAX), None);
    }
}
