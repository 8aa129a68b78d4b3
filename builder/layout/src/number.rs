//! Partition numbers.
//!
//! In: the partitions in the order of their places, some with a number. Out: a number for each, the given ones kept, as
//! layouts such as Debian's cloud images (1, 14, 15) want them. Never: places.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use dibber_model::{DiskSpec, PartKind, PartSpec, TableKind};

use crate::LayoutError;

/// Entries of the GPT that we write.
const GPT_MAX: u32 = 128;
/// Slots of an MBR.
const MBR_MAX: u32 = 4;

/// The number of each partition, by its place in the spec.
pub(crate) fn numbers(spec: &DiskSpec) -> Result<Vec<u32>, LayoutError> {
    match spec.table {
        TableKind::Bare => Ok(alloc::vec![0; spec.parts.len()]),
        TableKind::Gpt { .. } => slots(spec, &|_| true, GPT_MAX),
        TableKind::Mbr { .. } => mbr(spec),
    }
}

pub(crate) fn is_primary(part: &PartSpec) -> bool {
    matches!(part.kind, PartKind::Mbr { primary: true, .. })
}

/// Primaries from 1 to 4, one slot of which the extended partition takes if there are logical ones; these from 5, in
/// the order of their places, because that is how every kernel counts them.
fn mbr(spec: &DiskSpec) -> Result<Vec<u32>, LayoutError> {
    let logical = spec.parts.iter().any(|part| !is_primary(part));
    let mut numbers = slots(spec, &is_primary, MBR_MAX)?;
    let primaries = spec.parts.iter().filter(|part| is_primary(part)).count();
    if logical && primaries > 3 {
        let part = spec.parts.iter().find(|part| !is_primary(part)).expect("`logical` found one");
        return Err(LayoutError::BadTable {
            disk: spec.name.clone(),
            part: part.name.clone(),
            why: "it is logical, and 4 primary partitions leave no slot for the extended one; make one of them logical",
        });
    }
    let logicals = spec.parts.iter().zip(&mut numbers).filter(|(part, _)| !is_primary(part));
    for ((part, number), next) in logicals.zip(5..) {
        if let Some(given) = part.number.filter(|given| *given != next) {
            return Err(bad_number(
                spec,
                part,
                given,
                "logical partitions count from 5 in the order of their places",
            ));
        }
        *number = next;
    }
    Ok(numbers)
}

/// Numbers 1 to `max` for the partitions that `counts` picks (0 for others): given ones first, then the lowest free.
fn slots(spec: &DiskSpec, counts: &dyn Fn(&PartSpec) -> bool, max: u32) -> Result<Vec<u32>, LayoutError> {
    let mut taken = BTreeSet::new();
    let given = |part: &PartSpec| part.number.filter(|_| counts(part));
    for part in &spec.parts {
        let Some(number) = given(part) else { continue };
        if number == 0 || number > max {
            let why = if max == MBR_MAX {
                "primary partitions are 1 to 4"
            } else {
                "a GPT of 128 entries has 1 to 128"
            };
            return Err(bad_number(spec, part, number, why));
        }
        if !taken.insert(number) {
            return Err(bad_number(
                spec,
                part,
                number,
                "another partition has it; leave one of the numbers out",
            ));
        }
    }
    let mut numbers = Vec::with_capacity(spec.parts.len());
    for part in &spec.parts {
        let number = match given(part) {
            Some(number) => number,
            None if !counts(part) => 0,
            None => (1..=max).find(|n| taken.insert(*n)).ok_or_else(|| {
                let why = "the table is full: a GPT takes 128 partitions, an MBR 4 primary ones";
                LayoutError::BadTable { disk: spec.name.clone(), part: part.name.clone(), why }
            })?,
        };
        numbers.push(number);
    }
    Ok(numbers)
}

fn bad_number(spec: &DiskSpec, part: &PartSpec, number: u32, why: &'static str) -> LayoutError {
    LayoutError::BadNumber { disk: spec.name.clone(), part: part.name.clone(), number, why }
}
