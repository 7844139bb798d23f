//! Values have no names: the permutations that states are the same under.

/// Every order of `0..len`.
pub(crate) fn permutations(len: usize) -> Vec<Vec<usize>> {
    let mut found = vec![Vec::new()];
    for item in 0..len {
        found = found
            .iter()
            .flat_map(|shorter: &Vec<usize>| {
                (0..=shorter.len()).map(move |place| {
                    let mut longer = shorter.clone();
                    longer.insert(place, item);
                    longer
                })
            })
            .collect();
    }
    found
}

#[test]
fn three_values_have_six_orders() {
    let mut all = permutations(3);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|order| (0..3).all(|i| order.contains(&i))));
}
