//! What plugins say in words, cut to what may be kept, logged and shown.
//!
//! The sandbox lets a plugin hand over megabytes at once, for bodies may be long. What it says
//! *about* a request is kept with the record of it, and hundreds of records are kept.

use crate::contract::Reported;
use crate::contract::types::Extra;

/// Bytes of one thing that is said: a message, a reason.
const LONGEST: usize = 4 << 10;
/// Bytes of a label's name, and of its value.
const LONGEST_LABEL: usize = 256;
/// Labels of one policy.
const MOST_LABELS: usize = 32;
/// Remarks on one plan.
const MOST_REMARKS: usize = 16;

/// A message or a reason.
pub fn brief(said: String) -> String {
    cut(said, LONGEST)
}

/// A failure that a plugin reports.
pub fn failure(mut said: Reported) -> Reported {
    said.message = brief(said.message);
    said.code = said.code.map(|code| cut(code, LONGEST_LABEL));
    said.extra = extra(said.extra);
    said
}

/// The labels that a policy leaves.
pub fn labels(said: Vec<(String, String)>) -> Vec<(String, String)> {
    let label = |(name, value)| (cut(name, LONGEST_LABEL), cut(value, LONGEST_LABEL));
    said.into_iter().take(MOST_LABELS).map(label).collect()
}

/// Adds a remark on a plan; past some there is one that says that there were more.
pub fn remark(remarks: &mut Vec<String>, said: impl FnOnce() -> String) {
    match remarks.len() {
        MOST_REMARKS.. => {}
        len if len == MOST_REMARKS - 1 => remarks.push("and more of the like".to_owned()),
        _ => remarks.push(brief(said())),
    }
}

/// JSON cannot be cut: what is too long is left out.
fn extra(said: Extra) -> Extra {
    let mut room = LONGEST;
    let fits = |(name, json): &(String, String)| {
        let size = name.len() + json.len();
        let fits = size <= room;
        room -= if fits { size } else { 0 };
        fits
    };
    said.into_iter().filter(fits).collect()
}

fn cut(mut said: String, longest: usize) -> String {
    if said.len() > longest {
        said.truncate(said.floor_char_boundary(longest));
        said.push('…');
        // What was cut off would otherwise be kept as well, as room to grow.
        said.shrink_to_fit();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_kept_as_it_is() {
        assert_eq!(brief("äh".to_owned()), "äh");
        let label = ("task".to_owned(), "code".to_owned());
        assert_eq!(labels(vec![label.clone()]), [label]);
        let extra_of_vendor = vec![("type".to_owned(), "\"server_error\"".to_owned())];
        assert_eq!(extra(extra_of_vendor.clone()), extra_of_vendor);
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        let cut = brief("ä".repeat(LONGEST));
        assert_eq!(cut.chars().count(), LONGEST / 2 + 1);
        assert!(cut.ends_with("ä…") && cut.capacity() < LONGEST + 8);
        let many = (0..1_000).map(|n| (n.to_string(), "x".repeat(1_000))).collect();
        let many = labels(many);
        assert_eq!(many.len(), MOST_LABELS);
        assert!(many.iter().all(|(_, value)| value.len() <= LONGEST_LABEL + '…'.len_utf8()));
        let json = ("x".to_owned(), "0".repeat(LONGEST));
        assert_eq!(extra(vec![json, ("y".to_owned(), "1".to_owned())]).len(), 1);
    }

    #[test]
    fn of_many_remarks_the_last_says_so() {
        let mut remarks = Vec::new();
        for n in 0..1_000 {
            remark(&mut remarks, || n.to_string());
        }
        assert_eq!(remarks.len(), MOST_REMARKS);
        assert_eq!(remarks.last().map(String::as_str), Some("and more of the like"));
    }
}
