//! Gives the load's accounts the coins that they need, from a key of the wallet.

use super::LoadArgs;
use crate::cli::{CliError, World, wallet};
use crate::load::{AMOUNT_MAX, Account, Follower, Heard, Tracker};
use picot_api::types::ParametersResponse;
use picot_client::{ApiClient, ClientError};
use picot_clock::{Millis, Stop};
use picot_models::{
    Address, Amount, ChainId, Envelope, Operation, OperationId, OperationKind, Signed, Slot,
};
use picot_wallet::{FileWallet, Wallet, WalletError};
use std::time::Duration;

/// Where neither rate nor count says how many transfers there will be, it is taken as this rate.
const RATE_OF_MAX: u64 = 20_000;
/// Transfers to accounts that are on their way at once: under what a pool takes of one sender.
const CHUNK: usize = 500;
/// How long is waited for a chunk to be final.
const PATIENCE: Millis = Millis(120_000);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What an account lacks.
struct Gap {
    address: Address,
    amount: Amount,
}

/// What each account must have for this load: its part of all transfers, and one more.
pub(super) fn needed(
    arguments: &LoadArgs,
    seconds: Option<u64>,
    chain: &ParametersResponse,
) -> Option<Amount> {
    let rate = if arguments.max {
        RATE_OF_MAX
    } else {
        arguments.rate
    };
    let by_time = seconds.map(|seconds| seconds.saturating_mul(rate));
    let all = by_time
        .unwrap_or(u64::MAX)
        .min(arguments.count.unwrap_or(u64::MAX));
    let each = all
        .div_ceil(u64::from(arguments.accounts))
        .saturating_add(1);
    let transfer = arguments.fee.checked_add(Amount::from_nanos(AMOUNT_MAX))?;
    transfer
        .checked_mul(each)?
        .checked_add(chain.params.new_entry_cost)
}

/// Sends each account what it lacks, and waits until it is final.
pub(super) fn fund(
    client: &ApiClient,
    chain: &ParametersResponse,
    accounts: &[Account],
    needed: Amount,
    arguments: &LoadArgs,
    stop: &Stop,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let gaps = gaps(client, accounts, needed)?;
    if gaps.is_empty() {
        return Ok(());
    }
    let wallet = wallet::open(&arguments.wallet, world)?;
    let sender = wallet::sender(&wallet, &arguments.wallet, arguments.from)?;
    check_coins(client, sender, &gaps, arguments.fee)?;
    let count = gaps.len();
    world.note(format_args!(
        "giving {count} accounts up to {needed} each, from {sender}"
    ));
    for chunk in gaps.chunks(CHUNK) {
        if stop.is_stopped() {
            return Ok(());
        }
        send(
            client,
            chain,
            &wallet,
            sender,
            chunk,
            arguments.fee,
            stop,
            world,
        )?;
    }
    Ok(())
}

/// What each account lacks; an error if one that must be funded already has nothing.
fn gaps(client: &ApiClient, accounts: &[Account], needed: Amount) -> Result<Vec<Gap>, CliError> {
    let mut gaps = Vec::new();
    for account in accounts {
        let answer = client
            .address(&account.address)
            .map_err(asking("read the accounts"))?;
        let has = answer.candidate.balance.unwrap_or_default();
        let amount = needed.saturating_sub(has);
        // A transfer or two of an earlier run are no reason to begin with the wallet.
        if !amount.is_zero() {
            gaps.push(Gap {
                address: account.address,
                amount,
            });
        }
    }
    Ok(gaps)
}

/// That accounts which nobody funds have something to send.
pub(super) fn check_funded(
    client: &ApiClient,
    accounts: &[Account],
    fee: Amount,
) -> Result<(), CliError> {
    for account in accounts {
        let answer = client
            .address(&account.address)
            .map_err(asking("read the accounts"))?;
        let has = answer.candidate.balance.unwrap_or_default();
        if has <= fee {
            let address = Box::new(account.address);
            return Err(CliError::NotFunded { address, has });
        }
    }
    Ok(())
}

fn check_coins(
    client: &ApiClient,
    sender: Address,
    gaps: &[Gap],
    fee: Amount,
) -> Result<(), CliError> {
    let sum = |sum: Option<Amount>, gap: &Gap| sum?.checked_add(gap.amount)?.checked_add(fee);
    let needed = gaps
        .iter()
        .fold(Some(Amount::ZERO), sum)
        .unwrap_or(Amount::MAX);
    let answer = client
        .address(&sender)
        .map_err(asking("read the balance"))?;
    let has = answer.candidate.balance.unwrap_or_default();
    if has >= needed {
        return Ok(());
    }
    Err(CliError::CannotFund {
        address: Box::new(sender),
        accounts: gaps.len(),
        needed,
        has,
    })
}

#[allow(
    clippy::too_many_arguments,
    reason = "what a transfer needs, handed down once"
)]
fn send(
    client: &ApiClient,
    chain: &ParametersResponse,
    wallet: &FileWallet,
    sender: Address,
    gaps: &[Gap],
    fee: Amount,
    stop: &Stop,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let status = client.status().map_err(asking("read the status"))?;
    let now = status.current_slot.map_or(0, |slot| slot.period);
    let expire_period = now.saturating_add(chain.params.operation_validity_periods);
    let last = Slot::new(expire_period, sender.thread(chain.params.thread_count));
    let mut tracker = Tracker::default();
    let mut operations = Vec::with_capacity(gaps.len());
    for gap in gaps {
        let (id, operation) = sign(gap, wallet, sender, fee, expire_period, &chain.chain_id)?;
        tracker.sent(world.clock.now(), [(id, last)]);
        operations.push(operation);
    }
    let threads = chain.params.thread_count;
    let first = status
        .last_final_slot
        .next(threads)
        .unwrap_or(status.last_final_slot);
    let urls = vec![client.url().clone()];
    let mut follower = Follower::new(urls, first, threads, world.clock.now());
    let answer = client
        .submit_batch(&operations)
        .map_err(asking("fund the accounts"))?;
    tracker.answered(answer.results);
    if let Some(refusal) = tracker.refusal() {
        return Err(asking("fund the accounts")(ClientError::Refused(
            refusal.clone(),
        )));
    }
    wait(&mut tracker, &mut follower, stop, world)
}

fn sign(
    gap: &Gap,
    wallet: &FileWallet,
    sender: Address,
    fee: Amount,
    expire_period: u64,
    chain_id: &ChainId,
) -> Result<(OperationId, Envelope<Operation>), CliError> {
    let operation = Operation {
        fee,
        expire_period,
        kind: OperationKind::Transfer {
            recipient: gap.address,
            amount: gap.amount,
        },
    };
    let public_key = wallet
        .public_key(&sender)
        .ok_or_else(|| WalletError::UnknownAddress(Box::new(sender)))?;
    let prepared = Signed::prepare(operation, public_key, chain_id);
    let signature = wallet.sign_operation(&sender, &prepared.id())?;
    let signed = prepared.seal(signature);
    Ok((signed.id(), signed.into_envelope()))
}

fn wait(
    tracker: &mut Tracker,
    follower: &mut Follower,
    stop: &Stop,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let began = world.clock.now();
    while tracker.open() > 0 && !stop.is_stopped() {
        let heard = follower.hear(world.clock, LOOK);
        let now = world.clock.now();
        match heard {
            Heard::Slot(event) => tracker.finalised(now, &event),
            Heard::Block(slot, ids) => tracker.finalised_block(now, slot, &ids),
            Heard::Nothing => {}
        }
        if now.since(began).unwrap_or_default() >= PATIENCE {
            let (open, seconds) = (tracker.open(), PATIENCE.as_millis().div_ceil(1_000));
            return Err(CliError::NotFundedInTime { open, seconds });
        }
    }
    let failed = tracker.counts().failed.keys().next();
    match failed {
        Some(reason) => Err(CliError::FundingFailed(reason.clone())),
        None => Ok(()),
    }
}

fn asking(action: &'static str) -> impl Fn(ClientError) -> CliError {
    move |source| CliError::Node {
        action: action.to_owned(),
        source,
    }
}
