//! The table of `ARCHITECTURE.md`.

use crate::table::{PLACES, ROOMS, Room};

const BEGIN: &str = "<!-- rooms: written by `EKSHYBRID_RENEW_GOLDEN=1 cargo test --test rooms` -->\n";
const END: &str = "<!-- end of rooms -->\n";

/// The page with the table as the map has it.
pub fn renewed(page: &str) -> String {
    let (head, rest) = page.split_once(BEGIN).expect("ARCHITECTURE.md marks where the table begins");
    let (_, tail) = rest.split_once(END).expect("ARCHITECTURE.md marks where the table ends");
    format!("{head}{BEGIN}\n{}\n{END}{tail}", table())
}

fn table() -> String {
    let mut rows = vec!["| place | what | may use | what is absent |".to_owned(), "|---|---|---|---|".to_owned()];
    rows.extend(ROOMS.iter().map(|room| row(room.place, room.what, &uses(room), room.absent)));
    rows.extend(PLACES.iter().map(|place| row(place.path, place.what, place.uses, place.absent)));
    rows.join("\n") + "\n"
}

fn row(place: &str, what: &str, uses: &str, absent: &str) -> String {
    format!("| `{place}` | {what} | {uses} | {absent} |")
}

fn uses(room: &Room) -> String {
    if room.uses.is_empty() { "nothing of ours".to_owned() } else { room.uses.join(", ") }
}
