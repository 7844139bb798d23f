//! The reads and writes of a node's interface, one function a route.

use crate::error::ClientError;
use crate::http::Http;
use crate::query::path_with;
use crate::url::ApiUrl;
use picot_api_types::{
    AddressResponse, AgreementResponse, BlockOperationsResponse, BlockResponse, BlocksResponse,
    CheckpointResponse, CheckpointsResponse, CyclesResponse, DatastoreResponse, DrawsResponse,
    FeesResponse, LiveResponse, OperationResponse, ParametersResponse, PendingOperationsResponse,
    PoolResponse, ProductionResponse, PublicPeersResponse, ReadyResponse, SimulateRequest,
    SimulateResponse, SlotDrawsResponse, SlotResponse, SlotsResponse, StakersResponse,
    StatusResponse, SubmitBatchResponse, SubmitResponse, SubmittedOperation,
};
use picot_models::{Address, BlockId, Operation, OperationId, Slot};
use serde::Serialize;

/// Where the interface begins under a node's URL.
const BASE_PATH: &str = "/api/v1";

/// The body of `POST /operations/batch`.
#[derive(Serialize)]
struct Batch<'a> {
    operations: &'a [SubmittedOperation],
}

/// Which part of a list: where it goes on, by the `next` of the part before, and how many entries, from 1
/// to 1000. Without either the node gives the first entries, as many as it thinks fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The `next` of the part before.
    pub cursor: Option<String>,
    /// The most entries.
    pub limit: Option<usize>,
}

impl Page {
    /// The first entries.
    #[must_use]
    pub const fn first(limit: usize) -> Self {
        Self {
            cursor: None,
            limit: Some(limit),
        }
    }

    fn limit_text(&self) -> Option<String> {
        self.limit.map(|limit| limit.to_string())
    }

    /// The path of a list, whose parameter for the cursor has this name.
    fn of(&self, path: &str, cursor: &str) -> String {
        let parameters = [(cursor, self.cursor.clone()), ("limit", self.limit_text())];
        path_with(path, &parameters)
    }
}

/// Asks one node. Calls block, may come from any thread, and share connections that are kept open.
pub struct ApiClient(Http);

impl ApiClient {
    /// A client of the node at a URL. Nothing is sent yet.
    #[must_use]
    pub fn new(url: ApiUrl) -> Self {
        Self(Http::new(url, BASE_PATH, None))
    }

    /// Where the node is.
    #[must_use]
    pub const fn url(&self) -> &ApiUrl {
        self.0.url()
    }

    pub(crate) const fn http(&self) -> &Http {
        &self.0
    }

    /// `GET /status`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn status(&self) -> Result<StatusResponse, ClientError> {
        self.0.get("/status")
    }

    /// `GET /parameters`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn parameters(&self) -> Result<ParametersResponse, ClientError> {
        self.0.get("/parameters")
    }

    /// `GET /blocks/{id}`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if the node has no such block.
    pub fn block(&self, id: &BlockId) -> Result<BlockResponse, ClientError> {
        self.0.get(&format!("/blocks/{id}"))
    }

    /// `GET /slots/{period}/{thread}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn slot(&self, slot: Slot) -> Result<SlotResponse, ClientError> {
        self.0.get(&format!("/slots/{slot}"))
    }

    /// `GET /slots/{period}/{thread}/agreement`: votes and certificate.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn agreement(&self, slot: Slot) -> Result<AgreementResponse, ClientError> {
        self.0.get(&format!("/slots/{slot}/agreement"))
    }

    /// `GET /slots`: latest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn slots(&self, page: &Page) -> Result<SlotsResponse, ClientError> {
        self.0.get(&page.of("/slots", "before"))
    }

    /// `GET /blocks`: decided blocks, latest first, of one producer or all.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn blocks(
        &self,
        page: &Page,
        producer: Option<&Address>,
    ) -> Result<BlocksResponse, ClientError> {
        let parameters = [
            ("before", page.cursor.clone()),
            ("limit", page.limit_text()),
            ("producer", producer.map(ToString::to_string)),
        ];
        self.0.get(&path_with("/blocks", &parameters))
    }

    /// `GET /blocks/{id}/operations`: in the order of their execution.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if the node has no such block.
    pub fn block_operations(
        &self,
        id: &BlockId,
        page: &Page,
    ) -> Result<BlockOperationsResponse, ClientError> {
        self.0
            .get(&page.of(&format!("/blocks/{id}/operations"), "after"))
    }

    /// `GET /checkpoints`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn checkpoints(&self) -> Result<CheckpointsResponse, ClientError> {
        self.0.get("/checkpoints")
    }

    /// `GET /checkpoints/{period}/{thread}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn checkpoint(&self, slot: Slot) -> Result<CheckpointResponse, ClientError> {
        self.0.get(&format!("/checkpoints/{slot}"))
    }

    /// `GET /addresses/{address}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn address(&self, address: &Address) -> Result<AddressResponse, ClientError> {
        self.0.get(&format!("/addresses/{address}"))
    }

    /// `GET /addresses/{address}/draws`: of the slots from the first on, before the second.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn draws(
        &self,
        address: &Address,
        from: Slot,
        to: Slot,
    ) -> Result<DrawsResponse, ClientError> {
        self.0
            .get(&format!("/addresses/{address}/draws?from={from}&to={to}"))
    }

    /// `GET /draws`: who is drawn for each slot from one on, or from now on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn slot_draws(&self, page: &Page) -> Result<SlotDrawsResponse, ClientError> {
        self.0.get(&page.of("/draws", "from"))
    }

    /// `GET /addresses/{address}/datastore/{key}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn datastore(
        &self,
        address: &Address,
        key: &[u8],
    ) -> Result<DatastoreResponse, ClientError> {
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.get(&format!("/addresses/{address}/datastore/{key}"))
    }

    /// `GET /stakers`: most rolls first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn stakers(&self, page: &Page) -> Result<StakersResponse, ClientError> {
        self.0.get(&page.of("/stakers", "after"))
    }

    /// `GET /cycles`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn cycles(&self) -> Result<CyclesResponse, ClientError> {
        self.0.get("/cycles")
    }

    /// `GET /cycles/{cycle}/production`: what each address did.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn production(&self, cycle: u64, page: &Page) -> Result<ProductionResponse, ClientError> {
        self.0
            .get(&page.of(&format!("/cycles/{cycle}/production"), "after"))
    }

    /// `GET /peers`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn peers(&self) -> Result<PublicPeersResponse, ClientError> {
        self.0.get("/peers")
    }

    /// `GET /pool`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn pool(&self) -> Result<PoolResponse, ClientError> {
        self.0.get("/pool")
    }

    /// `GET /fees`: of the thread of a sender, or of the one that asks most.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn fees(&self, sender: Option<&Address>) -> Result<FeesResponse, ClientError> {
        let parameters = [("sender", sender.map(ToString::to_string))];
        self.0.get(&path_with("/fees", &parameters))
    }

    /// `GET /health/live`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn live(&self) -> Result<LiveResponse, ClientError> {
        self.0.get("/health/live")
    }

    /// `GET /health/ready`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_ready` says why a node is not.
    pub fn ready(&self) -> Result<ReadyResponse, ClientError> {
        self.0.get("/health/ready")
    }

    /// `GET /openapi.json`: the document that describes the interface.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn openapi(&self) -> Result<serde_json::Value, ClientError> {
        self.0.get("/openapi.json")
    }

    /// `GET /operations`: what a sender has pending at this node.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn pending_operations(
        &self,
        sender: &Address,
        page: &Page,
    ) -> Result<PendingOperationsResponse, ClientError> {
        let parameters = [
            ("sender", Some(sender.to_string())),
            ("after", page.cursor.clone()),
            ("limit", page.limit_text()),
        ];
        self.0.get(&path_with("/operations", &parameters))
    }

    /// `POST /operations/simulate`: what an operation would do now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn simulate(
        &self,
        sender: Address,
        operation: &Operation,
    ) -> Result<SimulateResponse, ClientError> {
        let operation = operation.clone();
        self.0.post(
            "/operations/simulate",
            &SimulateRequest { sender, operation },
        )
    }

    /// `GET /operations/{id}`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if the node knows no such operation.
    pub fn operation(&self, id: &OperationId) -> Result<OperationResponse, ClientError> {
        self.0.get(&format!("/operations/{id}"))
    }

    /// `POST /operations`. Sending the same operation again does no harm.
    ///
    /// # Errors
    /// [`ClientError`]; refusals have the code that says why.
    pub fn submit(&self, operation: &SubmittedOperation) -> Result<SubmitResponse, ClientError> {
        self.0.post("/operations", operation)
    }

    /// `POST /operations/batch`.
    ///
    /// # Errors
    /// [`ClientError`] for the whole; what became of each operation is in the answer.
    pub fn submit_batch(
        &self,
        operations: &[SubmittedOperation],
    ) -> Result<SubmitBatchResponse, ClientError> {
        self.0.post("/operations/batch", &Batch { operations })
    }
}
