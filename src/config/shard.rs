//! The share of the operations that one of several exporters polls.
//!
//! Each operation goes to the shard that weighs most for it (rendezvous hashing): every exporter finds the same
//! owner without asking the others, and one more shard takes only its own share from each.

use std::fmt;
use std::str::FromStr;

/// One of several exporters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0, as pods of a `StatefulSet` are numbered.
    index: u32,
    count: u32,
}

impl Shard {
    /// Whether this shard is the one that polls an operation.
    pub fn owns(self, operation: &str) -> bool {
        (0..self.count).max_by_key(|index| (weight(operation, *index), *index)) == Some(self.index)
    }
}

/// FNV-1a with a finisher: the same on every machine and in every version, or operations would move with an update.
fn weight(operation: &str, index: u32) -> u64 {
    let bytes = operation.bytes().chain(index.to_le_bytes());
    let mut hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    for shift in [33, 29, 32] {
        hash = (hash ^ (hash >> shift)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    hash
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/').map(|(index, count)| (index.parse::<u32>(), count.parse::<u32>()));
        match parts {
            Some((Ok(index), Ok(count))) if index < count => Ok(Shard { index, count }),
            _ => Err("a shard is written I/N with I from 0 to N-1, as in 0/3".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owner(operation: &str, count: u32) -> u32 {
        let owners: Vec<u32> = (0..count).filter(|&index| Shard { index, count }.owns(operation)).collect();
        assert_eq!(owners.len(), 1, "{operation}");
        owners[0]
    }

    #[test]
    fn owners_never_change_with_the_version() {
        let owners = ["acme", "beta", "Bogotá", "madrid", "x"].map(|operation| owner(operation, 3));
        assert_eq!(owners, [1, 1, 2, 1, 0]);
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        for wrong in ["", "1", "3/3", "-1/3", "1/0", "a/b", "1/3/5"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        assert_eq!("2/3".parse::<Shard>().unwrap().to_string(), "2/3");
    }

    #[test]
    fn shards_share_evenly() {
        let mut shares = [0; 4];
        for operation in 0..4000 {
            shares[owner(&format!("operation-{operation}"), 4) as usize] += 1;
        }
        assert!(shares.iter().all(|share| (900..1100).contains(share)), "{shares:?}");
    }

    proptest! {
        #[test]
        fn one_more_shard_moves_only_its_share(operation in "\\PC{1,20}", count in 1_u32..20) {
            let (before, after) = (owner(&operation, count), owner(&operation, count + 1));
            prop_assert!(after == before || after == count);
        }
    }
}
