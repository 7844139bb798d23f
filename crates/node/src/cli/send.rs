//! Commands that order something: sign here, submit, follow until final.

use super::args::{CallArgs, DeployArgs, Fee, RollsArgs, SendArgs, TransferArgs, WaitFor};
use super::follow::{self, Follow};
use super::tables::rolls;
use super::{CliError, World, tables, wallet};
use crate::data_layout::DataLayout;
use crate::genesis_file::read_genesis;
use picot_api_types::{OperationResult, ParametersResponse, SubmitResponse};
use picot_client::{ApiClient, ClientError};
use picot_models::limits::MAX_BYTECODE_BYTES;
use picot_models::{
    Address, Amount, DatastoreEntry, Operation, OperationKind, Signed, SignedOperation, Slot,
};
use picot_wallet::{FileWallet, Wallet, WalletError};
use std::fs::File;
use std::io::Read;
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

pub(super) fn deploy(arguments: DeployArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let kind = OperationKind::Deploy {
        bytecode: read_code(&arguments.code)?,
        max_gas: arguments.max_gas,
        max_coins: arguments.max_coins,
        datastore: ascending(arguments.entries)?,
    };
    send(kind, &arguments.send, world)
}

pub(super) fn call(arguments: CallArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let kind = OperationKind::Call {
        contract: arguments.contract,
        function: arguments.function,
        parameter: arguments.parameter.0,
        max_gas: arguments.max_gas,
        coins: arguments.coins,
    };
    send(kind, &arguments.send, world)
}

/// The code of a contract, if it is not larger than any may be.
fn read_code(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |source| CliError::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let max = u64::try_from(MAX_BYTECODE_BYTES).unwrap_or(u64::MAX);
    let mut code = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(max.saturating_add(1)).read_to_end(&mut code);
    if u64::try_from(read.map_err(failed)?).is_ok_and(|read| read > max) {
        let path = path.to_owned();
        return Err(CliError::CodeTooLong { path, max });
    }
    Ok(code)
}

/// Entries by ascending key, as an operation has them, each key once.
fn ascending(mut entries: Vec<DatastoreEntry>) -> Result<Vec<DatastoreEntry>, CliError> {
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    let mut neighbours = entries.iter().zip(entries.iter().skip(1));
    if neighbours.any(|(one, other)| one.key == other.key) {
        return Err(CliError::EntryTwice);
    }
    Ok(entries)
}

fn send(kind: OperationKind, arguments: &SendArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let client = ApiClient::new(arguments.node.api.clone());
    // The node first: nobody likes to type a passphrase for nothing.
    let chain = client
        .parameters()
        .map_err(asking("read the chain's parameters"))?;
    check_chain(&client, &chain, &arguments.wallet.data)?;
    let expire_period = expire_period(&client, &chain, arguments.expire_in)?;
    let (wallet, sender) = sender(arguments, world)?;
    let operation = Operation {
        fee: fee(&client, arguments.fee, &sender)?,
        expire_period,
        kind,
    };
    if arguments.dry_run {
        return dry_run(&client, sender, &operation, arguments.node.json, world);
    }
    let wallet = match wallet {
        Some(wallet) => wallet,
        None => wallet::open(&arguments.wallet, world)?,
    };
    let signed = sign(operation, &chain, &wallet, sender, world)?;
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

/// Whose order it is: that is known without keys where nothing will be signed.
fn sender(
    arguments: &SendArgs,
    world: &mut World<'_>,
) -> Result<(Option<FileWallet>, Address), CliError> {
    if let (true, Some(from)) = (arguments.dry_run, arguments.from) {
        return Ok((None, from));
    }
    let wallet = wallet::open(&arguments.wallet, world)?;
    let sender = wallet::sender(&wallet, &arguments.wallet, arguments.from)?;
    Ok((Some(wallet), sender))
}

fn fee(client: &ApiClient, asked: Fee, sender: &Address) -> Result<Amount, CliError> {
    match asked {
        Fee::Coins(fee) => Ok(fee),
        Fee::Auto => {
            let fees = client
                .fees(Some(sender))
                .map_err(asking("ask for the fee"))?;
            Ok(fees.suggested.next_block.max(fees.minimal_fee))
        }
    }
}

/// What an operation would do, as the node says; one that would fail is a failure here too.
fn dry_run(
    client: &ApiClient,
    sender: Address,
    operation: &Operation,
    json: bool,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    world.note(format_args!("dry run: {}", describe(operation, sender)));
    let answer = client
        .simulate(sender, operation)
        .map_err(asking("simulate the operation"))?;
    if json {
        world.say_json(&answer)?;
    } else {
        world.say(tables::simulation(&answer))?;
    }
    match answer.outcome {
        OperationResult::Succeeded => Ok(()),
        _ => Err(CliError::WouldFail),
    }
}

fn sign(
    operation: Operation,
    chain: &ParametersResponse,
    wallet: &FileWallet,
    sender: Address,
    world: &mut World<'_>,
) -> Result<SignedOperation, CliError> {
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
        OperationKind::Deploy { bytecode, .. } => {
            let bytes = bytecode.len();
            format!("deploying a contract of {bytes} bytes from {sender}, fee {fee}")
        }
        OperationKind::Call {
            contract, function, ..
        } => {
            let function = picot_client::printable(function);
            format!("calling `{function}` of {contract} from {sender}, fee {fee}")
        }
    }
}

pub(super) fn asking(action: &'static str) -> impl Fn(ClientError) -> CliError {
    move |source| CliError::Node {
        action: action.to_owned(),
        source,
    }
}
