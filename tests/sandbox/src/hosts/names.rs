//! The name service of the hosts: AWS's names lead to the gateway, hosts' own names to them, and no other name exists.
//! RFC 1035, as far as one question about an address needs it.

use std::net::Ipv4Addr;

use tokio::net::UdpSocket;

use super::Hosts;

/// Under these, every name exists.
const ZONES: [&str; 5] = ["amazonaws.com", "amazonaws.com.cn", "api.aws", "awsstatic.cn", "sandbox.internal"];
const HEADER: usize = 12;
const TYPE_A: u16 = 1;
const NO_SUCH_NAME: u8 = 3;

/// Answers until the process ends.
pub async fn serve(gateway: Ipv4Addr, hosts: &Hosts) {
    let socket = match UdpSocket::bind((gateway, 53)).await {
        Ok(socket) => socket,
        Err(error) => {
            eprintln!("sandbox: hosts have no name service: {error}");
            return;
        }
    };
    let mut buffer = [0; 512];
    loop {
        // An error is about an answer that did not arrive: a host has lost its network.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let find = |name: &str| is_ours(name).then_some(gateway).or_else(|| hosts.address_of(name));
        if let Some(answer) = answer(&buffer[..length], find) {
            // Whoever has gone asks again.
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

fn is_ours(name: &str) -> bool {
    ZONES.iter().any(|zone| name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// The answer to a question; nothing to what is none.
fn answer(question: &[u8], find: impl FnOnce(&str) -> Option<Ipv4Addr>) -> Option<Vec<u8>> {
    let (name, end) = name(question, HEADER)?;
    let kind = u16::from_be_bytes([*question.get(end)?, *question.get(end + 1)?]);
    let found = find(&name);
    let address = found.filter(|_| kind == TYPE_A);
    let mut answer = question.get(..2)?.to_vec();
    // An answer, with authority, to a question that may have wished for recursion.
    answer.extend([0x84 | question.get(2)? & 1, 0x80 | if found.is_some() { 0 } else { NO_SUCH_NAME }]);
    answer.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    answer.extend(question.get(HEADER..end + 4)?);
    if let Some(address) = address {
        // The name of the question, an address of the internet, for no time at all: hosts come and go.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

/// A name in lower case, and where it ends.
fn name(message: &[u8], start: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = start;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        if length > 63 {
            return None;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, kind: u8) -> Vec<u8> {
        let mut text = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            text.push(u8::try_from(label.len()).unwrap());
            text.extend(label.bytes());
        }
        text.extend([0, 0, kind, 0, 1]);
        text
    }

    #[test]
    fn names_of_aws_exist_and_others_do_not() {
        let gateway = Ipv4Addr::new(10, 80, 1, 2);
        let find = |name: &str| is_ours(name).then_some(gateway);
        let told = answer(&question("SSM.us-west-2.amazonaws.com", 1), find).unwrap();
        assert_eq!(told[..4], [0xab, 0xcd, 0x85, 0x80]);
        assert_eq!(told[6..8], [0, 1]);
        assert_eq!(told[told.len() - 4..], [10, 80, 1, 2]);
        // It exists, and has no address of another kind.
        let told = answer(&question("ssm.us-west-2.amazonaws.com", 28), find).unwrap();
        assert_eq!((told[3], told[7]), (0x80, 0));
        for name in ["mi-0123.example", "notamazonaws.com", "localhost"] {
            let told = answer(&question(name, 1), find).unwrap();
            assert_eq!((told[3], told[7]), (0x83, 0), "{name}");
        }
        for broken in [&[][..], &[0; 12], &question("a.b", 1)[..16]] {
            assert_eq!(answer(broken, find), None);
        }
    }
}
