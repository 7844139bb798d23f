//! The client of a node's control interface.

use crate::error::ClientError;
use crate::http::Http;
use crate::url::ApiUrl;
use picot_api_types::control::{
    AddKeyRequest, AddPeerRequest, BanRequest, FactoriesResponse, FactoryName, FactoryStatus,
    HistoryResponse, KeyResponse, KeysResponse, PeerResponse, PeersResponse, SwitchRequest,
};
use picot_models::{Address, Slot};

/// Where the control interface begins under a node's URL.
const BASE_PATH: &str = "/control/v1";

/// Controls one node: its factories, keys and peers.
pub struct ControlClient(Http);

impl ControlClient {
    /// A client of the control interface there, with the node's token. Nothing is sent yet.
    #[must_use]
    pub fn new(url: ApiUrl, token: &str) -> Self {
        Self(Http::new(url, BASE_PATH, Some(token.to_owned())))
    }

    /// `GET /factories`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn factories(&self) -> Result<FactoriesResponse, ClientError> {
        self.0.get("/factories")
    }

    /// `PUT /factories/{factory}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn switch(
        &self,
        factory: FactoryName,
        enabled: bool,
    ) -> Result<FactoryStatus, ClientError> {
        let request = SwitchRequest { enabled };
        self.0.put(&format!("/factories/{factory}"), &request)
    }

    /// `GET /factories/{factory}/history`: latest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn history(
        &self,
        factory: FactoryName,
        before: Option<Slot>,
        limit: usize,
    ) -> Result<HistoryResponse, ClientError> {
        let before = before.map(|slot| format!("&before={slot}"));
        let before = before.unwrap_or_default();
        self.0.get(&format!(
            "/factories/{factory}/history?limit={limit}{before}"
        ))
    }

    /// `GET /keys`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn keys(&self) -> Result<KeysResponse, ClientError> {
        self.0.get("/keys")
    }

    /// `POST /keys`: adds this key, or a new one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn add_key(&self, secret_key: Option<String>) -> Result<KeyResponse, ClientError> {
        self.0.post("/keys", &AddKeyRequest { secret_key })
    }

    /// `DELETE /keys/{address}`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if there is no such key.
    pub fn remove_key(&self, address: &Address) -> Result<KeyResponse, ClientError> {
        self.0.delete(&format!("/keys/{address}"))
    }

    /// `DELETE /keys/{address}/refusal`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if the key is not refused.
    pub fn clear_refusal(&self, address: &Address) -> Result<KeyResponse, ClientError> {
        self.0.delete(&format!("/keys/{address}/refusal"))
    }

    /// `GET /peers`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if the node has no network.
    pub fn peers(&self) -> Result<PeersResponse, ClientError> {
        self.0.get("/peers")
    }

    /// `POST /peers`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn add_peer(&self, address: &str, reserved: bool) -> Result<PeerResponse, ClientError> {
        let address = address.to_owned();
        self.0.post("/peers", &AddPeerRequest { address, reserved })
    }

    /// `DELETE /peers/{node}`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if there is no such peer.
    pub fn remove_peer(&self, node: &str) -> Result<PeerResponse, ClientError> {
        self.0.delete(&format!("/peers/{}", in_path(node)))
    }

    /// `POST /peers/{node}/ban`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn ban_peer(&self, node: &str, seconds: u64) -> Result<PeerResponse, ClientError> {
        let path = format!("/peers/{}/ban", in_path(node));
        self.0.post(&path, &BanRequest { seconds })
    }

    /// `DELETE /peers/{node}/ban`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if the node is not banned.
    pub fn unban_peer(&self, node: &str) -> Result<PeerResponse, ClientError> {
        self.0.delete(&format!("/peers/{}/ban", in_path(node)))
    }
}

/// A node's name as a part of a path: what cannot be one is refused by the node as it stands.
fn in_path(node: &str) -> String {
    let plain = |char: char| {
        if char.is_ascii_alphanumeric() {
            char
        } else {
            '_'
        }
    };
    node.chars().map(plain).collect()
}
