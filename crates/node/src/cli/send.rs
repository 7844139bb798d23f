//! Commands that order something: sign here, submit, follow until final.

use super::args::{RollsArgs, SendArgs, TransferArgs, WaitFor};
use super::follow::{self, Follow};
use super::tables::rolls;
use super::{CliError, World, wallet};
use crate::client::{ApiClient, ClientError};
use crate::data_layout::DataLayout;
use crate::genesis_file::read_genesis;
use picot_api::types::{ParametersResponse, SubmitResponse};
use picot_models::{Address, Operation, OperationKind, Signed, SignedOperation, Slot};
use picot_wallet::{Wallet, WalletError};
use std::path::Path;

pub(super) fn transfer(arguments: &TransferArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let kind = OperationKind::Transfer {
        recipient: arguments.to,
        amount: arguments.amount,
    };
    send(kind, &arguments.send, world)
}

pub(super) fn buy_rolls(arguments: &RollsArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let roll_count = arguments.count;
    send(
        OperationKind::RollBuy { roll_count },
        &arguments.send,
        world,
    )
}

pub(super) fn sell_rolls(arguments: &RollsArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let roll_count = arguments.count;
    send(
        OperationKind::RollSell { roll_count },
        &arguments.send,
        world,
    )
}

fn send(kind: OperationKind, arguments: &SendArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let client = ApiClient::new(arguments.node.api.clone());
    // The node first: nobody likes to type a passphrase for nothing.
    let chain = client
        .parameters()
        .map_err(asking("read the chain's parameters"))?;
    check_chain(&client, &chain, &arguments.wallet.data)?;
    let operation = Operation {
        fee: arguments.fee,
        expire_period: expire_period(&client, &chain, arguments.expire_in)?,
        kind,
    };
    let signed = sign(operation, &chain, arguments, world)?;
    submit(&client, &signed, world)?;
    let id = signed.id();
    if arguments.wait == WaitFor::Accepted {
        if arguments.node.json {
            return world.say_json(&SubmitResponse { id });
        }
        return world.say(id);
    }
    let last = last_slot(&signed, &chain);
    let follow = Follow::new(id, last, world.clock.now(), arguments.patience);
    let answer = follow::until_final(&client, follow, world)?;
    follow::tell(&answer, arguments.node.json, world)
}

/// A signature covers its chain, so keys of one chain's directory are not used on another by
/// mistake.
pub(super) fn check_chain(
    client: &ApiClient,
    chain: &ParametersResponse,
    data: &Path,
) -> Result<(), CliError> {
    let layout = DataLayout::new(data);
    let path = layout.genesis_file();
    if !path.exists() {
        return Ok(());
    }
    let data = read_genesis(&path)?.chain_id();
    if data == chain.chain_id {
        return Ok(());
    }
    Err(CliError::OtherChain {
        url: client.url().to_string(),
        node: chain.chain_id,
        directory: layout.root().to_owned(),
        data,
    })
}

fn expire_period(
    client: &ApiClient,
    chain: &ParametersResponse,
    expire_in: Option<u64>,
) -> Result<u64, CliError> {
    let periods = self::expire_in(chain, expire_in)?;
    let status = client.status().map_err(asking("read the status"))?;
    // Before the first slot, the first period is the next.
    let now = status.current_slot.map_or(0, |slot| slot.period);
    Ok(now.saturating_add(periods))
}

/// Periods in which an operation may be included: what is asked for, as far as the chain allows.
pub(super) fn expire_in(chain: &ParametersResponse, asked: Option<u64>) -> Result<u64, CliError> {
    let max = chain.params.operation_validity_periods;
    match asked.unwrap_or(max) {
        asked if asked == 0 || asked > max => Err(CliError::ExpireIn { asked, max }),
        periods => Ok(periods),
    }
}

fn sign(
    operation: Operation,
    chain: &ParametersResponse,
    arguments: &SendArgs,
    world: &mut World<'_>,
) -> Result<SignedOperation, CliError> {
    let wallet = wallet::open(&arguments.wallet, world)?;
    let sender = wallet::sender(&wallet, &arguments.wallet, arguments.from)?;
    let public_key = wallet
        .public_key(&sender)
        .ok_or_else(|| WalletError::UnknownAddress(Box::new(sender)))?;
    world.note(describe(&operation, sender));
    let prepared = Signed::prepare(operation, public_key, &chain.chain_id);
    let signature = wallet.sign_operation(&sender, &prepared.id())?;
    Ok(prepared.seal(signature))
}

fn submit(
    client: &ApiClient,
    signed: &SignedOperation,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let id = signed.id();
    match client.submit(signed.envelope()) {
        Ok(_) => {
            world.note(format_args!("operation {id} is accepted"));
            Ok(())
        }
        Err(source) => Err(CliError::NotAccepted { id, source }),
    }
}

/// The last slot that can include an operation.
fn last_slot(signed: &SignedOperation, chain: &ParametersResponse) -> Slot {
    let thread = signed.signer_address().thread(chain.params.thread_count);
    Slot::new(signed.content().expire_period, thread)
}

fn describe(operation: &Operation, sender: Address) -> String {
    let fee = operation.fee;
    match &operation.kind {
        OperationKind::Transfer { recipient, amount } => {
            format!("sending {amount} from {sender} to {recipient}, fee {fee}")
        }
        OperationKind::RollBuy { roll_count } => {
            format!("buying {} for {sender}, fee {fee}", rolls(*roll_count))
        }
        OperationKind::RollSell { roll_count } => {
            format!("selling {} of {sender}, fee {fee}", rolls(*roll_count))
        }
        OperationKind::Deploy { .. } | OperationKind::Call { .. } => {
            format!("ordering a contract from {sender}, fee {fee}")
        }
    }
}

pub(super) fn asking(action: &'static str) -> impl Fn(ClientError) -> CliError {
    move |source| CliError::Node {
        action: action.to_owned(),
        source,
    }
}
