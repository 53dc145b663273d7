//! Whether this computer's firewall lets machines in, read from what `nft list ruleset` prints.
//!
//! ```text
//! table FAMILY NAME {
//!     chain NAME {
//!         type filter hook input priority 0; policy drop;      what no rule lets in is dropped
//!         udp dport { 67, 69, 4011 } accept                    one port, a range or a set of both
//!         tcp dport @web accept                                a set with a name: not looked into
//!         jump OTHER
//!     }
//! }
//! ```
//!
//! Rules are not followed as the kernel follows them: a port counts as let in when any rule that accepts names it. What
//! cannot be told is not complained about.

use super::{Finding, Weight};
use std::fmt;

/// A port that machines must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeededPort {
    /// UDP, or else TCP.
    pub udp: bool,
    /// Its number.
    pub number: u16,
}

impl fmt::Display for NeededPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.udp { "UDP" } else { "TCP" }, self.number)
    }
}

/// What these rules mean for machines; nothing if there are none.
#[must_use]
pub fn judge_firewall(rules: &str, needed: &[NeededPort]) -> Option<Finding> {
    let mut family_counts = false;
    let (mut is_input, mut input_depth, mut depth) = (false, 0usize, 0usize);
    let (mut drops, mut accepts) = (false, Vec::new());
    for line in rules.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.first() {
            // IPv6, bridges and the like are other paths than a machine's boot.
            Some(&"table") => family_counts = matches!(words.get(1), Some(&("ip" | "inet"))),
            Some(&"type") if family_counts && line.contains(" hook input ") => {
                (is_input, input_depth) = (true, depth);
                drops |= line.contains("policy drop");
            }
            _ if is_input && is_plain_refusal(&words) => drops = true,
            _ if family_counts && words.contains(&"accept") => accepts.push(line),
            _ => {}
        }
        // A set's braces open and close on one line.
        if line.ends_with('{') {
            depth += 1;
        } else if line == "}" {
            depth = depth.saturating_sub(1);
            is_input &= depth >= input_depth;
        }
    }
    if !drops {
        return None;
    }
    let missing: Vec<String> = needed
        .iter()
        .filter(|port| !accepts.iter().any(|rule| lets_in(rule, **port)))
        .map(ToString::to_string)
        .collect();
    Some(if missing.is_empty() {
        Finding {
            weight: Weight::Good,
            text: "this computer's firewall lets machines in".into(),
        }
    } else {
        Finding {
            weight: Weight::Wrong,
            text: format!(
                "this computer's firewall drops what no rule lets in, and none lets in {}: machines are not heard there; add a rule (`nft add rule`, `ufw allow`, `firewall-cmd --add-port`)",
                missing.join(", ")
            ),
        }
    })
}

/// `drop` or `reject` without a condition, be it counted or explained.
fn is_plain_refusal(words: &[&str]) -> bool {
    let rest = match words {
        ["counter", "packets", _, "bytes", _, rest @ ..] | ["counter", rest @ ..] => rest,
        rest => rest,
    };
    matches!(rest.first(), Some(&("drop" | "reject")))
}

/// Whether a rule that accepts may be about this port.
fn lets_in(rule: &str, port: NeededPort) -> bool {
    let Some((before, ports)) = rule.split_once("dport ") else {
        // Answers to what we sent, and our own talk with ourselves, bring no machine in. A whole network or interface does.
        return ![
            "ct state",
            "ct status",
            "\"lo\"",
            "sport",
            "icmp",
            "igmp",
            "limit",
        ]
        .iter()
        .any(|word| rule.contains(word))
            && !other_protocol(rule, port);
    };
    if other_protocol(before, port) || ports.starts_with('!') {
        return false;
    }
    let list = match ports.strip_prefix('{') {
        Some(set) => set.split('}').next().unwrap_or_default(),
        None => ports.split_whitespace().next().unwrap_or_default(),
    };
    list.split(',').map(str::trim).any(|item| {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&port.number),
            // A set with a name, a service's name: who knows.
            _ => true,
        }
    })
}

fn other_protocol(condition: &str, port: NeededPort) -> bool {
    let says = |word| {
        let mut words = condition.split(|sign: char| !sign.is_ascii_alphanumeric());
        words.any(|own| own == word)
    };
    let (own, other) = if port.udp { ("udp", "tcp") } else { ("tcp", "udp") };
    says(other) && !says(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEEDED: [NeededPort; 4] = [port(true, 67), port(true, 69), port(true, 4011), port(false, 80)];

    const fn port(udp: bool, number: u16) -> NeededPort {
        NeededPort { udp, number }
    }

    fn with(rules: &str, policy: &str) -> String {
        format!(
            "table inet filter {{\n\tchain input {{\n\t\ttype filter hook input priority filter; policy {policy};\n\
             \t\tct state established,related accept\n\t\tiifname \"lo\" accept\n{rules}\n\t}}\n\n\
             \tchain forward {{\n\t\ttype filter hook forward priority filter; policy drop;\n\t\tdrop\n\t}}\n}}\n"
        )
    }

    fn said(rules: &str) -> Option<(Weight, String)> {
        judge_firewall(rules, &NEEDED).map(|finding| (finding.weight, finding.text))
    }

    #[test]
    fn a_firewall_that_lets_everything_in_is_no_news() {
        assert_eq!(said(""), None);
        assert_eq!(said(&with("\t\ttcp dport 22 accept", "accept")), None);
        // A rule against one port is not one against all.
        assert_eq!(said(&with("\t\ttcp dport 23 drop", "accept")), None);
    }

    #[test]
    fn ports_that_no_rule_lets_in_are_named() {
        for closed in [
            with("\t\ttcp dport { 22, 80 } accept", "drop"),
            with(
                "\t\ttcp dport 1-100 accept\n\t\tcounter packets 5 bytes 400 drop",
                "accept",
            ),
            with(
                "\t\ttcp dport 80 accept\n\t\treject with icmpx admin-prohibited",
                "accept",
            ),
            // What is let in by IPv6 helps nobody here.
            format!(
                "table ip6 filter {{\n\tchain input {{\n\t\tudp dport 67-4011 accept\n\t}}\n}}\n{}",
                with("\t\ttcp dport 80 accept", "drop")
            ),
        ] {
            let (weight, text) = said(&closed).unwrap();
            assert_eq!(weight, Weight::Wrong, "{closed}");
            assert!(text.contains("lets in UDP 67, UDP 69, UDP 4011:"), "{text}");
        }
    }

    #[test]
    fn ports_are_found_alone_in_ranges_in_sets_and_in_other_chains() {
        for open in [
            with(
                "\t\tudp dport { 67, 69, 4011 } accept\n\t\ttcp dport 80 accept",
                "drop",
            ),
            with("\t\tmeta l4proto { tcp, udp } th dport 60-5000 accept", "drop"),
            with("\t\tip saddr 192.0.2.0/24 accept", "drop"),
            with("\t\tudp dport @boot accept\n\t\ttcp dport @web accept", "drop"),
            // As ufw writes them, through iptables.
            format!(
                "{}table ip filter {{\n\tchain ufw-user-input {{\n\
                 \t\tmeta l4proto udp udp dport 67 counter packets 0 bytes 0 accept\n\
                 \t\tmeta l4proto udp udp dport 69 counter packets 0 bytes 0 accept\n\
                 \t\tmeta l4proto udp udp dport 4011 counter packets 0 bytes 0 accept\n\
                 \t\tmeta l4proto tcp tcp dport 80 counter packets 0 bytes 0 accept\n\t}}\n}}\n",
                with("\t\tjump ufw-user-input", "drop")
            ),
        ] {
            assert_eq!(said(&open).map(|found| found.0), Some(Weight::Good), "{open}");
        }
    }

    proptest! {
        #[test]
        fn any_rules_are_survived(rules in "(table |ip |inet |chain |type filter hook input |policy drop; |[{}]|dport |accept|drop|[0-9]{1,6}|-|,|@|\n| ){0,60}") {
            let _ = judge_firewall(&rules, &NEEDED);
        }
    }
}
