//! The rules of designs 02 to 07 that the types themselves keep, one test each.

mod support;

use picot_models::limits::{
    MAX_DENUNCIATION_BYTES, MAX_ENDORSEMENTS, MAX_HEADER_BYTES, MAX_THREAD_COUNT,
};
use picot_models::mocks::{
    address, block, chain_id, false_carry, genesis, key, operation, transfer,
};
use picot_models::text::{Text, import_secret_key};
use picot_models::{
    Address, AddressError, Amount, AmountError, Ballot, BlockId, Carry, ChainParams, Denunciation,
    DenunciationError, Endorsement, GenesisError, Hash, Header, OperationId, OperationKind,
    ParamsError, ProposalPolicy, PublicKey, Ratio, SignedEndorsement, SignedHeader, Slot, Value,
    operations_hash,
};
use picot_serialization::{Bound, Encode, decode_exact};
use support::{CHAIN, block_value, certificate, validators, vote};

#[test]
fn an_amount_with_ten_decimals_is_an_error_and_never_a_rounding() {
    assert_eq!(
        "1.0000000000".parse::<Amount>(),
        Err(AmountError::TooManyDecimals(10))
    );
    assert_eq!(
        "1.000000001".parse::<Amount>(),
        Ok(Amount::from_nanos(1_000_000_001))
    );
}

#[test]
fn an_amount_with_a_sign_an_exponent_or_a_missing_part_is_an_error() {
    for text in [
        "-1", "+1", "1e3", "", ".", ".5", "5.", "1.2.3", " 1", "1 ", "0x1", "1,5", "١",
    ] {
        assert_eq!(
            text.parse::<Amount>(),
            Err(AmountError::NotDecimal),
            "{text:?}"
        );
    }
}

#[test]
fn an_amount_past_64_bits_is_an_error() {
    assert_eq!("18446744073.709551615".parse::<Amount>(), Ok(Amount::MAX));
    assert_eq!(
        "18446744073.709551616".parse::<Amount>(),
        Err(AmountError::TooLarge)
    );
    assert_eq!(
        "99999999999999999999999".parse::<Amount>(),
        Err(AmountError::TooLarge)
    );
}

#[test]
fn an_amount_is_written_without_needless_zeros() {
    let texts = [
        (0, "0"),
        (1, "0.000000001"),
        (12_500_000_000, "12.5"),
        (3_000_000_000, "3"),
    ];
    for (nanos, text) in texts {
        assert_eq!(Amount::from_nanos(nanos).to_string(), text);
    }
}

#[test]
fn amount_arithmetic_is_checked() {
    assert_eq!(Amount::MAX.checked_add(Amount::from_nanos(1)), None);
    assert_eq!(Amount::ZERO.checked_sub(Amount::from_nanos(1)), None);
    assert_eq!(Amount::MAX.checked_mul(2), None);
    assert_eq!(Amount::MAX.checked_div(0), None);
    assert_eq!(Amount::from_coins(u64::MAX), None);
}

#[test]
fn reading_one_kind_of_text_as_another_names_both_kinds() {
    let text = BlockId::from(Hash([1; 32])).to_text();
    let error = Address::from_text(&text).unwrap_err().to_string();
    assert_eq!(error, "expected an address (`addr1…`), got a block id");
    let error = OperationId::from_text(&address(1).to_text())
        .unwrap_err()
        .to_string();
    assert_eq!(error, "expected an operation id (`op1…`), got an address");
}

#[test]
fn text_with_a_changed_character_is_refused() {
    let text = address(1).to_text();
    for index in 5..text.len() {
        let mut characters: Vec<char> = text.chars().collect();
        characters[index] = if characters[index] == 'q' { 'p' } else { 'q' };
        let changed: String = characters.into_iter().collect();
        assert!(
            changed == text || Address::from_text(&changed).is_err(),
            "{changed}"
        );
    }
}

#[test]
fn text_of_another_version_or_length_is_refused() {
    let hrp = bech32::Hrp::parse("addr").unwrap();
    let newer = bech32::encode::<bech32::Bech32m>(hrp, &[1; 33]).unwrap();
    assert!(
        Address::from_text(&newer)
            .unwrap_err()
            .to_string()
            .contains("version 1")
    );
    let short = bech32::encode::<bech32::Bech32m>(hrp, &[0; 32]).unwrap();
    assert!(
        Address::from_text(&short)
            .unwrap_err()
            .to_string()
            .contains("has 32 bytes, got 31")
    );
    let plain = bech32::encode::<bech32::Bech32>(hrp, &[0; 33]).unwrap();
    assert!(
        Address::from_text(&plain)
            .unwrap_err()
            .to_string()
            .contains("not bech32m")
    );
}

#[test]
fn a_secret_key_is_read_back_from_its_export() {
    let text = picot_models::text::export_secret_key(&key(5));
    assert_eq!(
        import_secret_key(&text).unwrap().public_key(),
        key(5).public_key()
    );
    assert!(import_secret_key(&key(5).public_key().to_text()).is_err());
}

#[test]
fn the_thread_of_an_address_is_the_top_bits_of_its_hash() {
    let address = |first| {
        let mut hash = [0; 32];
        hash[0] = first;
        Address::Key(Hash(hash))
    };
    assert_eq!(address(0b1011_0000).thread(1), 0);
    assert_eq!(address(0b1011_0000).thread(4), 0b10);
    assert_eq!(address(0b1011_0000).thread(32), 0b10110);
    assert_eq!(address(0xff).thread(64), 63);
}

#[test]
fn a_key_of_small_order_owns_no_address() {
    let identity = PublicKey({
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    });
    assert!(matches!(
        Address::new_owner(&identity),
        Err(AddressError::WeakKey(_))
    ));
    assert_eq!(Address::new_owner(&key(1).public_key()), Ok(address(1)));
}

#[test]
fn an_object_of_one_chain_is_worthless_on_another() {
    let signed = transfer(&key(1), address(2), 1, 1, 100, &chain_id(1));
    assert!(signed.verify().is_ok());
    let moved = signed.envelope().clone().identify(&chain_id(2));
    assert_ne!(moved.id(), signed.id());
    assert!(moved.verify().is_err());
}

#[test]
fn an_id_does_not_change_with_the_signature() {
    let chain = chain_id(1);
    let mut envelope = transfer(&key(1), address(2), 1, 1, 100, &chain).into_envelope();
    let id = envelope.id(&chain);
    envelope.signature = key(1).sign(&Hash([9; 32]));
    assert_eq!(envelope.id(&chain), id);
    assert!(envelope.identify(&chain).verify().is_err());
}

#[test]
fn an_id_covers_the_signer() {
    let chain = chain_id(1);
    let one = transfer(&key(1), address(3), 1, 1, 100, &chain);
    let other = transfer(&key(2), address(3), 1, 1, 100, &chain);
    assert_eq!(one.content(), other.content());
    assert_ne!(one.id(), other.id());
}

#[test]
fn an_operation_is_valid_in_its_window_of_periods_only() {
    let params = ChainParams {
        operation_validity_periods: 10,
        ..ChainParams::dev()
    };
    let signed = transfer(&key(1), address(2), 1, 1, 100, &chain_id(1));
    let valid: Vec<u64> = (0..200)
        .filter(|&period| signed.content().is_valid_at(period, &params))
        .collect();
    assert_eq!(valid, (90..=100).collect::<Vec<_>>());
}

#[test]
fn max_spend_is_the_fee_and_the_coins_that_the_kind_can_take() {
    let params = ChainParams::dev();
    let spends: Vec<Option<Amount>> = support::operation_kinds()
        .into_iter()
        .map(|(_, kind)| {
            operation(&key(1), kind, 10, 100, &chain_id(1))
                .content()
                .max_spend(&params)
        })
        .collect();
    let nanos = |nanos| Some(Amount::from_nanos(nanos));
    assert_eq!(
        spends,
        [
            nanos(1_510),
            nanos(300_000_000_010),
            nanos(10),
            nanos(15),
            None
        ]
    );
}

#[test]
fn gas_usage_is_the_base_gas_and_what_is_declared() {
    let params = ChainParams::dev();
    let kind = OperationKind::Deploy {
        bytecode: vec![],
        max_gas: u64::MAX,
        max_coins: Amount::ZERO,
        datastore: vec![],
    };
    let endless = operation(&key(1), kind, 1, 100, &chain_id(1));
    assert_eq!(endless.content().gas_usage(&params), None);
    let small = transfer(&key(1), address(2), 1, 1, 100, &chain_id(1));
    assert_eq!(
        small.content().gas_usage(&params),
        Some(params.transfer_gas)
    );
}

#[test]
fn a_block_matches_its_header_by_count_and_hash_of_its_operations() {
    let full = support::full_block();
    assert!(full.matches_header());
    let mut cut = full.clone();
    cut.operations.pop();
    assert!(!cut.matches_header());
    let mut swapped = full.clone();
    swapped.operations.swap(0, 1);
    assert!(!swapped.matches_header());
    let ids = full.operations.iter().map(|operation| operation.id());
    assert_eq!(operations_hash(ids), full.operations_hash());
}

#[test]
fn votes_contradict_as_nobody_honest_signs_both() {
    let notarise = |byte| Ballot::Notarise {
        value: block_value(byte),
        carry: Carry::Free,
    };
    let finalise = |byte| Ballot::Finalise {
        value: block_value(byte),
    };
    let contradict = |one, other| vote(3, one).content().contradicts(vote(3, other).content());
    assert!(contradict(notarise(1), notarise(2)));
    assert!(contradict(finalise(1), finalise(2)));
    assert!(contradict(finalise(1), Ballot::Nullify) && contradict(Ballot::Nullify, finalise(1)));
    assert!(!contradict(notarise(1), notarise(1)));
    assert!(
        !contradict(notarise(1), Ballot::Nullify),
        "a notarise vote binds nothing of the round's end"
    );
    assert!(
        !contradict(notarise(1), finalise(2)),
        "another notarisation may be finalised"
    );
}

#[test]
fn every_kind_of_fault_is_proven_by_its_denunciation() {
    for (name, denunciation) in support::denunciations() {
        assert_eq!(
            denunciation.verify(&chain_id(CHAIN), &validators()),
            Ok(()),
            "{name}"
        );
        assert_eq!(denunciation.fault_key().address, address(3), "{name}");
    }
}

#[test]
fn a_denunciation_on_another_chain_proves_nothing() {
    for (name, denunciation) in support::denunciations() {
        assert!(
            denunciation.verify(&chain_id(1), &validators()).is_err(),
            "{name}"
        );
    }
}

#[test]
fn two_equal_objects_or_objects_of_two_signers_prove_nothing() {
    let same = Denunciation::of_endorsements(support::endorsement(1), support::endorsement(1));
    assert_eq!(
        same.check_contradiction(),
        Err(DenunciationError::NoContradiction)
    );
    let notarise = |byte| Ballot::Notarise {
        value: block_value(byte),
        carry: Carry::Free,
    };
    let two = Denunciation::of_votes(
        vote(1, notarise(1)).into_envelope(),
        vote(2, notarise(2)).into_envelope(),
    );
    assert_eq!(
        two.check_contradiction(),
        Err(DenunciationError::DifferentSigners)
    );
}

#[test]
fn one_fault_has_one_id_whatever_the_order_of_its_proof() {
    let notarise = |byte| {
        vote(
            3,
            Ballot::Notarise {
                value: block_value(byte),
                carry: Carry::Free,
            },
        )
        .into_envelope()
    };
    let one = Denunciation::of_votes(notarise(1), notarise(2));
    let other = Denunciation::of_votes(notarise(2), notarise(1));
    assert_eq!(one, other);
    let Denunciation::Votes { first, second } = one else {
        unreachable!()
    };
    let swapped = Denunciation::Votes {
        first: second,
        second: first,
    };
    assert_eq!(
        swapped.check_contradiction(),
        Err(DenunciationError::WrongOrder)
    );
}

#[test]
fn a_true_carry_is_no_fault() {
    let carried = Ballot::Notarise {
        value: block_value(1),
        carry: Carry::From { round: 1 },
    };
    let notarised = |byte| {
        certificate(Ballot::Notarise {
            value: block_value(byte),
            carry: Carry::Free,
        })
    };
    let mut content = vote(3, carried).content().clone();
    content.round = 2;
    let vote = picot_models::Signed::sign(content, &key(3), &chain_id(CHAIN)).into_envelope();
    let with = |certificate| Denunciation::FalseCarry {
        vote: vote.clone(),
        certificate,
    };
    assert!(with(notarised(1)).check_contradiction().is_err());
    assert!(with(notarised(2)).check_contradiction().is_ok());
    assert!(
        with(certificate(Ballot::Nullify))
            .check_contradiction()
            .is_err()
    );
    assert!(
        with(certificate(Ballot::Finalise {
            value: block_value(1)
        }))
        .check_contradiction()
        .is_err()
    );
}

#[test]
fn the_chain_id_covers_every_parameter() {
    let genesis = genesis(&[(1, 10)]);
    let mut other = genesis.clone();
    other.params.max_block_gas -= 1;
    assert_ne!(genesis.chain_id(), other.chain_id());
    let mut later = genesis.clone();
    later.genesis_timestamp.0 += 1;
    assert_ne!(genesis.chain_id(), later.chain_id());
}

#[test]
fn genesis_blocks_are_alike_on_every_node_and_differ_by_thread() {
    let genesis = genesis(&[(1, 10)]);
    assert_eq!(genesis.block(1), genesis.clone().block(1));
    assert_ne!(genesis.block(1).id(), genesis.block(0).id());
    assert_eq!(genesis.block_ids()[2], genesis.block(2).id());
    assert!(genesis.block(3).matches_header());
}

#[test]
fn a_genesis_without_stakers_or_with_one_twice_is_refused() {
    assert_eq!(genesis(&[]).validate(), Err(GenesisError::NoStakers));
    assert_eq!(genesis(&[(1, 0)]).validate(), Err(GenesisError::NoStakers));
    let twice = genesis(&[(1, 1), (1, 2)]).validate();
    assert_eq!(
        twice,
        Err(GenesisError::DuplicateStaker(Box::new(address(1))))
    );
    assert_eq!(genesis(&[(1, 1), (2, 2)]).validate(), Ok(()));
}

#[test]
fn a_genesis_with_more_stakers_than_a_certificate_can_name_is_refused() {
    let mut crowded = genesis(&[]);
    crowded.stakers = (0..=131_072_u64)
        .map(|number| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            picot_models::GenesisStaker {
                address: Address::Key(Hash(hash)),
                rolls: 1,
            }
        })
        .collect();
    assert!(matches!(
        crowded.validate(),
        Err(GenesisError::TooMany { max: 131_072, .. })
    ));
    crowded.stakers.pop();
    assert_eq!(crowded.validate(), Ok(()));
}

#[test]
fn a_genesis_with_more_coins_than_an_amount_holds_is_refused() {
    let mut rich = genesis(&[(1, 1)]);
    rich.allocations.insert(address(2), Amount::MAX);
    assert_eq!(rich.validate(), Err(GenesisError::Supply));
    let contract = Address::of_contract(&address(1), Slot::new(1, 0), 0);
    let mut early = genesis(&[(1, 1)]);
    early.allocations.insert(contract, Amount::ZERO);
    assert_eq!(
        early.validate(),
        Err(GenesisError::Contract(Box::new(contract)))
    );
}

#[test]
fn both_presets_are_valid() {
    assert_eq!(ChainParams::production().validate(), Ok(()));
    assert_eq!(ChainParams::dev().validate(), Ok(()));
}

fn refused_field(change: impl FnOnce(&mut ChainParams)) -> &'static str {
    let mut params = ChainParams::dev();
    change(&mut params);
    match params.validate() {
        Err(ParamsError::Wrong { field, .. }) => field,
        Ok(()) => "none",
    }
}

#[test]
fn a_wrong_parameter_is_named() {
    assert_eq!(
        refused_field(|params| params.thread_count = 3),
        "thread_count"
    );
    assert_eq!(
        refused_field(|params| params.thread_count = 128),
        "thread_count"
    );
    assert_eq!(refused_field(|params| params.t0_ms = 2_001), "t0_ms");
    assert_eq!(refused_field(|params| params.t0_ms = 0), "t0_ms");
    assert_eq!(
        refused_field(|params| params.periods_per_cycle = 1),
        "periods_per_cycle"
    );
    assert_eq!(
        refused_field(|params| params.endorsement_count = 65),
        "endorsement_count"
    );
    assert_eq!(
        refused_field(|params| params.roll_price = Amount::ZERO),
        "roll_price"
    );
    assert_eq!(
        refused_field(|params| params.deferred_credit_cycles = 2),
        "deferred_credit_cycles"
    );
    let over = Ratio {
        numerator: 2,
        denominator: 1,
    };
    assert_eq!(
        refused_field(|params| params.max_block_miss_rate = over),
        "max_block_miss_rate"
    );
    assert_eq!(
        refused_field(|params| params.denunciation_expire_periods = 48),
        "denunciation_expire_periods",
        "a fault must be punishable no longer than the coins of sold rolls are held"
    );
    for rolls in [0, u64::MAX] {
        assert_eq!(
            refused_field(|params| params.slash_rolls = rolls),
            "slash_rolls"
        );
    }
    for periods in [0, 65_537] {
        assert_eq!(
            refused_field(|params| params.operation_validity_periods = periods),
            "operation_validity_periods"
        );
    }
    let none = ProposalPolicy::Ranked { count: 0 };
    assert_eq!(
        refused_field(|params| params.proposal_policy = none),
        "proposal_policy.count"
    );
}

#[test]
fn building_a_block_never_takes_more_than_half_a_slot() {
    assert_eq!(ChainParams::production().production_deadline_ms(), 250);
    assert_eq!(ChainParams::dev().production_deadline_ms(), 250);
    let slow = ChainParams {
        thread_count: 1,
        ..ChainParams::production()
    };
    assert_eq!(slow.production_deadline_ms(), 500);
}

#[test]
fn a_rate_is_exceeded_only_by_more_than_it() {
    let rate = Ratio {
        numerator: 7,
        denominator: 10,
    };
    assert!(!rate.is_exceeded_by(7, 10));
    assert!(rate.is_exceeded_by(8, 11));
    assert!(!rate.is_exceeded_by(0, 0));
    assert!(
        Ratio {
            numerator: 1,
            denominator: 2
        }
        .is_exceeded_by(u64::MAX, u64::MAX)
    );
}

#[test]
fn a_policy_allows_its_ranks() {
    let allowed = |policy: ProposalPolicy| (0..4).filter(|&rank| policy.allows_rank(rank)).count();
    assert_eq!(allowed(ProposalPolicy::Drawn), 1);
    assert_eq!(allowed(ProposalPolicy::Ranked { count: 2 }), 2);
    assert_eq!(allowed(ProposalPolicy::All), 4);
}

#[test]
fn a_header_proof_stands_for_its_header() {
    let chain = chain_id(CHAIN);
    let header = block(&key(4), Slot::new(6, 2), vec![], vec![], &chain).header;
    let proof = picot_models::HeaderProof::of(&header);
    assert_eq!(
        proof.block_id(Slot::new(6, 2), &key(4).public_key(), &chain),
        header.id()
    );
    assert_eq!(
        proof.batch_entry(Slot::new(6, 2), &key(4).public_key(), &chain),
        header.batch_entry()
    );
}

#[test]
fn a_miss_may_cover_later_periods() {
    assert_eq!(Value::Miss { through: 9 }.through(5), 9);
    assert_eq!(block_value(1).through(5), 5);
    assert_eq!(support::outcome().through(), 7);
}

#[test]
fn a_block_carries_endorsements_of_its_own_cycle_and_the_one_before() {
    let params = ChainParams::dev();
    let may = |parent| params.may_carry_endorsements(Slot::new(parent, 1), Slot::new(40, 1));
    assert!(may(39) && may(32) && may(16));
    assert!(!may(15));
}

#[test]
fn a_header_whose_denunciations_are_too_large_together_is_not_read() {
    let header = |signers: &[usize]| {
        let mut header = block(&key(1), Slot::new(9, 0), vec![], vec![], &chain_id(1))
            .header
            .content()
            .clone();
        header.denunciations = signers
            .iter()
            .map(|signers| false_carry(&key(2), Slot::new(8, 0), *signers))
            .collect();
        header
    };
    for fitting in [header(&[5_000]), header(&[2_500, 2_500])] {
        assert_eq!(decode_exact::<Header>(&fitting.to_bytes()), Ok(fitting));
    }
    for larger in [header(&[5_200]), header(&[2_500, 2_500, 200])] {
        let error = decode_exact::<Header>(&larger.to_bytes()).unwrap_err();
        assert!(
            error.to_string().contains("Header.denunciations"),
            "{error}"
        );
        let max = u64::try_from(MAX_DENUNCIATION_BYTES).unwrap();
        assert!(matches!(error.bound(), Bound::TooLong { max: it, .. } if it == max));
    }
}

#[test]
fn the_largest_header_is_within_its_bound() {
    let slot = Slot::new(u64::MAX, 63);
    let mut header = block(&key(1), slot, vec![], vec![], &chain_id(1))
        .header
        .content()
        .clone();
    header.version = u32::MAX;
    header.operation_count = u32::MAX;
    header.parents = vec![Hash([1; 32]).into(); MAX_THREAD_COUNT];
    let endorsement = Endorsement {
        slot,
        index: u32::MAX,
        block: Hash([1; 32]).into(),
    };
    let endorsement = SignedEndorsement::sign(endorsement, &key(1), &chain_id(1)).into_envelope();
    header.endorsements = vec![endorsement; MAX_ENDORSEMENTS];
    let largest = SignedHeader::sign(header, &key(1), &chain_id(1)).encoded_len();
    assert!(largest + MAX_DENUNCIATION_BYTES <= MAX_HEADER_BYTES);
}

#[test]
fn checkpoints_are_at_the_last_slot_of_each_cycle_and_interval() {
    let mut params = ChainParams::dev();
    params.thread_count = 2;
    params.periods_per_cycle = 10;
    params.checkpoint_interval_periods = 4;
    let slots = (0..30).flat_map(|period| [Slot::new(period, 0), Slot::new(period, 1)]);
    let (mut checkpoints, mut ends) = (Vec::new(), Vec::new());
    for slot in slots {
        let of_last_thread = slot.thread == 1;
        if params.is_checkpoint(slot) {
            assert!(of_last_thread);
            checkpoints.push(slot.period);
        }
        if params.ends_cycle(slot) {
            assert!(of_last_thread);
            ends.push(slot.period);
        }
    }
    assert_eq!(checkpoints, [3, 7, 9, 11, 15, 19, 23, 27, 29]);
    assert_eq!(ends, [9, 19, 29]);
    params.checkpoint_interval_periods = 1;
    assert!(
        !params.is_checkpoint(Slot::new(0, 1)),
        "the genesis is none"
    );
    assert!(params.is_checkpoint(Slot::new(1, 1)));
    assert!(!params.is_checkpoint(Slot::new(u64::MAX, 0)));
}
