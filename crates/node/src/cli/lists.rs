//! Commands that read lists: a part at a time, and what to write for the next part.

use super::args::{
    AfterArgs, ApiArgs, BlockArgs, BlocksArgs, CyclesArgs, DrawsArgs, OperationsArgs, SlotsArgs,
    StakersArgs,
};
use super::{CliError, World, tables};
use picot_api_types::{
    BlockOperationsResponse, BlocksResponse, PendingOperationsResponse, ProductionResponse,
    SlotDrawsResponse, SlotsResponse, StakersResponse,
};
use picot_client::{ApiClient, ClientError, Page};
use serde::Serialize;

pub(super) fn slots(arguments: &SlotsArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let page = arguments.part.page();
    let list = List {
        action: "read the slots",
        next: |answer: &SlotsResponse| (Flag::Before, &answer.next),
        table: tables::slots,
    };
    list.show(&arguments.node, |node| node.slots(&page), world)
}

pub(super) fn blocks(arguments: &BlocksArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let (page, producer) = (arguments.part.page(), arguments.producer.as_ref());
    let list = List {
        action: "read the blocks",
        next: |answer: &BlocksResponse| (Flag::Before, &answer.next),
        table: tables::blocks,
    };
    list.show(&arguments.node, |node| node.blocks(&page, producer), world)
}

pub(super) fn block_operations(
    arguments: &BlockArgs,
    part: &AfterArgs,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let list = List {
        action: "read the operations of the block",
        next: |answer: &BlockOperationsResponse| (Flag::After, &answer.next),
        table: tables::block_operations,
    };
    let ask = |node: &ApiClient| node.block_operations(&arguments.id, &part.page());
    list.show(&arguments.node, ask, world)
}

pub(super) fn stakers(arguments: &StakersArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let page = arguments.part.page();
    let list = List {
        action: "read the stakers",
        next: |answer: &StakersResponse| (Flag::After, &answer.next),
        table: tables::stakers,
    };
    list.show(&arguments.node, |node| node.stakers(&page), world)
}

pub(super) fn cycles(arguments: &CyclesArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let Some(cycle) = arguments.cycle else {
        let action = "read the cycles";
        return super::read::show(
            &arguments.node,
            action,
            ApiClient::cycles,
            tables::cycles,
            world,
        );
    };
    let page = arguments.part.page();
    let list = List {
        action: "read the production of the cycle",
        next: |answer: &ProductionResponse| (Flag::After, &answer.next),
        table: tables::cycle_production,
    };
    let ask = |node: &ApiClient| node.production(cycle, &page);
    list.show(&arguments.node, ask, world)
}

pub(super) fn operations(
    arguments: &OperationsArgs,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let list = List {
        action: "read the pending operations",
        next: |answer: &PendingOperationsResponse| (Flag::After, &answer.next),
        table: tables::pending_operations,
    };
    let ask = |node: &ApiClient| node.pending_operations(&arguments.sender, &arguments.part.page());
    list.show(&arguments.node, ask, world)
}

/// Who is drawn for the slots to come, whoever it is.
pub(super) fn slot_draws(arguments: &DrawsArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let page = Page {
        cursor: arguments.from.map(|slot| slot.to_string()),
        limit: usize::try_from(arguments.limit).ok(),
    };
    let list = List {
        action: "read the draws",
        next: |answer: &SlotDrawsResponse| (Flag::From, &answer.next),
        table: tables::slot_draws,
    };
    list.show(&arguments.node, |node| node.slot_draws(&page), world)
}

/// What goes on with a list.
#[derive(Clone, Copy)]
enum Flag {
    Before,
    After,
    From,
}

impl Flag {
    const fn text(self) -> &'static str {
        match self {
            Self::Before => "--before",
            Self::After => "--after",
            Self::From => "--from",
        }
    }
}

/// A list that is read in parts.
struct List<T> {
    action: &'static str,
    /// How the next part is asked for.
    next: fn(&T) -> (Flag, &Option<String>),
    table: fn(&T) -> String,
}

impl<T: Serialize> List<T> {
    fn show(
        self,
        node: &ApiArgs,
        ask: impl FnOnce(&ApiClient) -> Result<T, ClientError>,
        world: &mut World<'_>,
    ) -> Result<(), CliError> {
        let client = ApiClient::new(node.api.clone());
        let answer = ask(&client).map_err(super::send::asking(self.action))?;
        if node.json {
            return world.say_json(&answer);
        }
        world.say((self.table)(&answer))?;
        if let (flag, Some(next)) = (self.next)(&answer) {
            let (flag, next) = (flag.text(), picot_client::printable(next));
            world.note(format_args!("there is more: `{flag} {next}`"));
        }
        Ok(())
    }
}
