//! Numbers made of texts: the same in each sandbox, on each machine and in each version, because
//! conversations stay where these numbers put them. The standard library's own hashes promise none
//! of that.
//!
//! FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), whose highest bits depend too little on the
//! last bytes, and behind it the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// A number for a row of texts; where one ends and the next begins counts.
pub(crate) fn of(texts: &[&str]) -> u64 {
    // No text has this byte.
    texts.iter().fold(BASIS, |hash, text| bytes(bytes(hash, text.as_bytes()), &[0xff]))
}

/// A number for bytes that were drawn by lot.
pub(crate) fn fresh(lot: &[u8]) -> u64 {
    bytes(BASIS, lot)
}

/// A number above 0 and below 1 for a key and a text.
pub(crate) fn unit(key: u64, text: &str) -> f64 {
    let mixed = mix(bytes(bytes(BASIS, &key.to_le_bytes()), text.as_bytes()));
    // The 53 bits that a double holds exactly, and half of one more so that none is 0.
    ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

fn bytes(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::{BASIS, bytes, mix, of, unit};

    #[test]
    fn both_parts_are_what_their_authors_published() {
        // From the test vectors on FNV's page, and SplitMix64 begun with 0: its first number.
        assert_eq!(bytes(BASIS, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(bytes(BASIS, b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(mix(0x9e37_79b9_7f4a_7c15), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn where_one_text_ends_counts() {
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut tenths = [0; 10];
        for key in 0..10_000 {
            tenths[(unit(key, "a/x") * 10.0) as usize] += 1;
        }
        // 1,000 are expected in each, and 30 is one standard deviation.
        assert!(tenths.iter().all(|tenth| (850..1_150).contains(tenth)), "{tenths:?}");
    }
}
