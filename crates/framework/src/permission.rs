//! What a type must be allowed to do in the systems that it works with: declared beside the type, shown on its page, and
//! compared in tests with what it really asked.

/// Requests of a type that a system's own rules must allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The system whose rules decide, such as `AWS`.
    pub system: &'static str,
    /// What the system calls the requests, such as `ssm:CreateActivation` or `get`; `*` for all.
    pub acts: &'static [&'static str],
    /// What they are about, in the system's notation; a `*` at the end is for whatever follows.
    pub on: &'static str,
    /// When they are made; empty for always. Begins with a small letter and has no period.
    pub when: &'static str,
    /// What the system's rules can narrow them down by: a key and its value, in the system's words.
    pub only_if: Option<(&'static str, &'static str)>,
}

/// Permissions in groups, so that types can share some.
pub type Permissions = &'static [&'static [Permission]];

impl Permission {
    /// Requests that are always made.
    #[must_use]
    pub const fn new(system: &'static str, acts: &'static [&'static str], on: &'static str) -> Self {
        Self { system, acts, on, when: "", only_if: None }
    }

    /// The same, made only in a certain case.
    #[must_use]
    pub const fn when(self, when: &'static str) -> Self {
        Self { when, ..self }
    }

    /// The same, which the system's rules can narrow down.
    #[must_use]
    pub const fn only_if(self, key: &'static str, value: &'static str) -> Self {
        Self { only_if: Some((key, value)), ..self }
    }

    /// Whether this allows a request. `on` is `None` where the system does not report it. Of a target written
    /// `PLACE:WHAT`, a permission without a place allows every place.
    #[must_use]
    pub fn covers(&self, system: &str, act: &str, on: Option<&str>) -> bool {
        let covers_on = |on: &str| {
            self.on.strip_suffix('*').is_some_and(|start| on.starts_with(start))
                || self.on == on
                || on.split_once(':').is_some_and(|(_, what)| what == self.on)
        };
        self.system == system
            && self.acts.iter().any(|declared| *declared == "*" || *declared == act)
            && on.is_none_or(covers_on)
    }
}

/// What kind of type a name belongs to. Several kinds may have a type of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TypeKind {
    /// The provider itself: what any type may ask.
    Provider,
    /// A managed resource.
    Resource,
    /// A data source.
    DataSource,
    /// An ephemeral resource.
    Ephemeral,
    /// An action.
    Action,
    /// A list resource.
    List,
}

impl TypeKind {
    /// The kind that a call of the protocol, such as `ReadResource`, is about.
    #[must_use]
    pub fn of_call(rpc: &str) -> Option<Self> {
        Some(match rpc {
            "ValidateDataResourceConfig" | "ReadDataSource" => Self::DataSource,
            "ValidateEphemeralResourceConfig"
            | "OpenEphemeralResource"
            | "RenewEphemeralResource"
            | "CloseEphemeralResource" => Self::Ephemeral,
            "ValidateActionConfig" | "PlanAction" | "InvokeAction" => Self::Action,
            "ValidateListResourceConfig" | "ListResource" => Self::List,
            "ValidateResourceConfig"
            | "UpgradeResourceState"
            | "UpgradeResourceIdentity"
            | "ReadResource"
            | "PlanResourceChange"
            | "ApplyResourceChange"
            | "ImportResourceState"
            | "MoveResourceState"
            | "GenerateResourceConfig" => Self::Resource,
            _ => return None,
        })
    }

    /// The address of a type in a configuration, up to its label: `data.sample_thing`.
    #[must_use]
    pub fn address(self, name: &str) -> String {
        match self {
            Self::Provider | Self::Resource => name.to_owned(),
            Self::DataSource => format!("data.{name}"),
            Self::Ephemeral => format!("ephemeral.{name}"),
            Self::Action => format!("action.{name}"),
            Self::List => format!("list.{name}"),
        }
    }
}

/// What one type declares.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// Its kind.
    pub kind: TypeKind,
    /// Its name.
    pub name: &'static str,
    /// Its permissions.
    pub permissions: Permissions,
}

impl Declared {
    /// Every permission.
    pub fn all(&self) -> impl Iterator<Item = &'static Permission> + use<> {
        self.permissions.iter().copied().flatten()
    }

    /// Whether a request is declared.
    #[must_use]
    pub fn covers(&self, system: &str, act: &str, on: Option<&str>) -> bool {
        self.all().any(|permission| permission.covers(system, act, on))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_permission_covers() {
        let of = |acts, on| Permission::new("Cloud", acts, on);
        let listed = of(&["get", "list"], "things");
        let placed = of(&["get"], "east:things");
        let all = of(&["*"], "*");
        let below = of(&["get"], "/paths/*");
        for (permission, system, act, on, covered) in [
            (&listed, "Cloud", "get", Some("things"), true),
            (&listed, "Cloud", "list", Some("east:things"), true),
            (&listed, "Cloud", "put", Some("things"), false),
            (&listed, "Cloud", "get", Some("others"), false),
            (&listed, "Cloud", "get", None, true),
            (&listed, "Other", "get", Some("things"), false),
            (&placed, "Cloud", "get", Some("east:things"), true),
            (&placed, "Cloud", "get", Some("west:things"), false),
            (&placed, "Cloud", "get", Some("things"), false),
            (&all, "Cloud", "put", Some("west:others"), true),
            (&below, "Cloud", "get", Some("/paths/one"), true),
            (&below, "Cloud", "get", Some("/others"), false),
        ] {
            assert_eq!(permission.covers(system, act, on), covered, "{permission:?}: {act} {on:?}");
        }
    }
}
