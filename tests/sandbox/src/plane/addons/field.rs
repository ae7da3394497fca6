//! Field paths, as the API server reports them in conflicts:
//! `.spec.template.spec.containers[name="aws-node"].env[name="X"].value`.

use serde_json::Value;

/// Removes a field from an object. False = the path does not exist.
pub fn remove(object: &mut Value, path: &str) -> bool {
    if let Some(rest) = path.strip_prefix('.') {
        let Some(members) = object.as_object_mut() else { return false };
        // Names can contain dots, as in labels: the longest match is meant.
        let name = members
            .keys()
            .filter(|name| {
                rest.strip_prefix(name.as_str()).is_some_and(|more| more.is_empty() || more.starts_with(['.', '[']))
            })
            .max_by_key(|name| name.len())
            .cloned();
        let Some(name) = name else { return false };
        let more = &rest[name.len()..];
        return if more.is_empty() {
            members.remove(&name).is_some()
        } else {
            members.get_mut(&name).is_some_and(|member| remove(member, more))
        };
    }
    let Some((keys, more)) = path.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return false;
    };
    let Some(items) = object.as_array_mut() else { return false };
    let Some(index) = items.iter().position(|item| fits(item, keys)) else { return false };
    if more.is_empty() {
        items.remove(index);
        return true;
    }
    remove(&mut items[index], more)
}

/// Whether a list entry has these keys, `name="x",port=1`, or is itself the value `="x"`.
fn fits(item: &Value, keys: &str) -> bool {
    keys.split(',').all(|pair| {
        let Some((name, text)) = pair.split_once('=') else { return false };
        let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
        if name.is_empty() { *item == value } else { item[name] == value }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_goes_and_its_neighbours_stay() {
        let whole = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "x", "app": "y"}, "finalizers": ["a", "b"]},
            "spec": {
                "containers": [
                    {"name": "one", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
                    {"name": "two", "ports": [{"containerPort": 1, "protocol": "TCP"}]},
                ],
            },
        });
        for (path, pointer) in [
            (".metadata.labels.app.kubernetes.io/name", "/metadata/labels/app.kubernetes.io~1name"),
            (".metadata.labels.app", "/metadata/labels/app"),
            (".spec.containers[name=\"one\"].image", "/spec/containers/0/image"),
            (".spec.containers[name=\"one\"].env[name=\"B\"].value", "/spec/containers/0/env/1/value"),
            (".spec", "/spec"),
        ] {
            let mut object = whole.clone();
            assert!(remove(&mut object, path), "{path}");
            assert!(object.pointer(pointer).is_none(), "{path}: {object}");
            // This field is the only difference.
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let mut put_back = object;
            put_back.pointer_mut(parent).unwrap()[name.replace("~1", "/")] = whole.pointer(pointer).unwrap().clone();
            assert_eq!(put_back, whole, "{path}");
        }
        for (path, pointer) in [
            (".spec.containers[name=\"two\"].ports[containerPort=1,protocol=\"TCP\"]", "/spec/containers/1/ports"),
            (".metadata.finalizers[=\"a\"]", "/metadata/finalizers"),
        ] {
            let mut object = whole.clone();
            assert!(remove(&mut object, path), "{path}");
            let left = object.pointer(pointer).unwrap().as_array().unwrap().len();
            assert_eq!(left, whole.pointer(pointer).unwrap().as_array().unwrap().len() - 1, "{path}");
        }
        for path in [".none", ".spec.containers[name=\"three\"].image", "spec", ".spec[0]", ".metadata.labels.ap"] {
            let mut object = whole.clone();
            assert!(!remove(&mut object, path), "{path}");
            assert_eq!(object, whole, "{path}");
        }
    }
}
