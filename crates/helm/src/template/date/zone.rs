//! Time zones: the system's database where there is one, else UTC.

use jiff::tz::TimeZone;

const DATABASES: [&str; 2] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo"];

/// The zone `name`; `Local` is the machine's, the empty name is UTC.
pub(super) fn named(name: &str) -> Option<TimeZone> {
    match name {
        "" | "UTC" => return Some(TimeZone::UTC),
        "Local" => return Some(local()),
        _ => {}
    }
    // As in Go: no way out of the database.
    if name.contains("..") || name.starts_with(['/', '\\']) {
        return None;
    }
    DATABASES.iter().find_map(|folder| read(name, &format!("{folder}/{name}")))
}

/// The machine's zone: `TZ`, then /etc/localtime, then UTC.
pub(super) fn local() -> TimeZone {
    match std::env::var("TZ") {
        Ok(name) if name.is_empty() || name == "UTC" => TimeZone::UTC,
        Ok(name) => {
            let name = name.trim_start_matches(':');
            let found = if name.starts_with('/') { read("Local", name) } else { named_in_database(name) };
            found.unwrap_or(TimeZone::UTC)
        }
        Err(_) => read("Local", "/etc/localtime").unwrap_or(TimeZone::UTC),
    }
}

fn named_in_database(name: &str) -> Option<TimeZone> {
    if name == "Local" { None } else { named(name) }
}

fn read(name: &str, path: &str) -> Option<TimeZone> {
    TimeZone::tzif(name, &std::fs::read(path).ok()?).ok()
}
