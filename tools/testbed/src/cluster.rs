//! A cluster: its start, who owns what, and failovers.

use crate::HANG;
use crate::nodes::{NodeLine, SLOTS, slot_of};
use crate::redis::Redis;
use crate::sentinel::start_all;
use crate::settings::{Builder, Part};
use crate::wait::try_until;
use std::cell::Cell;
use std::io;

/// The nodes of a cluster.
pub struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    /// Primaries with even shares of the slots, and replicas; a node that is silent for `node_timeout_ms` is suspected.
    ///
    /// # Panics
    /// When they do not come up or do not agree.
    #[track_caller]
    pub fn start(primaries: usize, replicas_per_primary: usize, node_timeout_ms: u64) -> Cluster {
        let node = Redis::builder();
        Cluster::try_start(&node, primaries, replicas_per_primary, node_timeout_ms)
            .expect("a cluster comes up")
    }

    /// The same; each node has the settings of `node`.
    pub fn try_start(
        node: &Builder,
        primaries: usize,
        replicas_per_primary: usize,
        node_timeout_ms: u64,
    ) -> io::Result<Cluster> {
        let mut node = node.clone().without_tls()?;
        node.part = Part::Node(node_timeout_ms);
        let count = primaries * (1 + replicas_per_primary);
        let nodes = start_all(vec![node; count])?;
        let cluster = Cluster { nodes };
        cluster.meet(primaries)?;
        cluster.replicate(primaries)?;
        cluster.try_wait_ok()?;
        Ok(cluster)
    }

    /// Gives the slots to the first nodes, and all nodes to know each other.
    fn meet(&self, primaries: usize) -> io::Result<()> {
        let share = |i: usize| i * usize::from(SLOTS) / primaries;
        for (i, node) in self.nodes.iter().enumerate() {
            let epoch = (i + 1).to_string();
            node.try_cmd(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch])?
                .ok()?;
            if i < primaries {
                let (first, last) = (share(i).to_string(), (share(i + 1) - 1).to_string());
                node.try_cmd(&["CLUSTER", "ADDSLOTSRANGE", &first, &last])?
                    .ok()?;
            }
        }
        for node in &self.nodes[1..] {
            let (port, bus) = (node.port().to_string(), node.bus_port().to_string());
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, &bus];
            self.nodes[0].try_cmd(&meet)?.ok()?;
        }
        let known = self.nodes.len();
        self.every("all nodes to meet", |node| {
            Ok(self.view(node)?.len() == known)
        })
    }

    fn replicate(&self, primaries: usize) -> io::Result<()> {
        for (i, node) in self.nodes.iter().enumerate().skip(primaries) {
            let primary = self.id_of(&self.nodes[i % primaries])?;
            node.try_cmd(&["CLUSTER", "REPLICATE", &primary])?.ok()?;
        }
        self.every("replicas to be linked", |node| {
            let replicas = self.view(node)?.iter().filter(|n| !n.primary).count();
            let info = node.try_info("replication")?;
            let linked = info.get("master_link_status").is_none_or(|v| v == "up");
            Ok(linked && replicas == self.nodes.len() - primaries)
        })
    }

    /// Waits for each node to be so.
    pub(crate) fn every(
        &self,
        what: &str,
        is: impl Fn(&Redis) -> io::Result<bool>,
    ) -> io::Result<()> {
        let each = self.nodes.iter();
        let wait = |node: &Redis| try_until(HANG, what, || is(node));
        each.filter(|n| n.pid().is_some()).try_for_each(wait)
    }

    /// `redis+cluster://host:port,…`, with the password of the default user if there is one.
    pub fn url(&self) -> String {
        let servers = self.nodes.iter();
        let servers: Vec<String> = servers.map(|n| format!("127.0.0.1:{}", n.port())).collect();
        format!(
            "redis+cluster://{}{}",
            self.nodes[0].login(),
            servers.join(",")
        )
    }

    /// The slot of a key.
    pub fn slot_of(&self, key: &str) -> u16 {
        slot_of(key)
    }

    /// All nodes; the primaries of the start are the first.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// The nodes that hold themselves to be primaries with slots.
    pub fn primaries(&self) -> Vec<&Redis> {
        let is = |node: &&Redis| {
            self.own(node)
                .is_ok_and(|n| n.primary && !n.slots.is_empty())
        };
        self.nodes.iter().filter(is).collect()
    }

    /// The nodes that hold themselves to be replicas of it.
    ///
    /// # Panics
    /// When `primary` does not answer.
    #[track_caller]
    pub fn replicas_of(&self, primary: &Redis) -> Vec<&Redis> {
        let id = Some(primary.must(self.id_of(primary)));
        let is = |node: &&Redis| self.own(node).is_ok_and(|n| n.primary_id == id);
        self.nodes.iter().filter(is).collect()
    }

    /// The lines of CLUSTER NODES as `node` sees them.
    pub fn view(&self, node: &Redis) -> io::Result<Vec<NodeLine>> {
        NodeLine::parse(&node.glance(&["CLUSTER", "NODES"])?.text())
    }

    /// What the node says of itself.
    pub(crate) fn own(&self, node: &Redis) -> io::Result<NodeLine> {
        let own = self.view(node)?.into_iter().find(|n| n.myself);
        own.ok_or_else(|| io::Error::other("the node does not name itself"))
    }

    /// The id of a node.
    pub(crate) fn id_of(&self, node: &Redis) -> io::Result<String> {
        Ok(node.glance(&["CLUSTER", "MYID"])?.text())
    }

    /// The node that holds itself to be the owner, of several that of the greatest epoch. Stopped nodes are not asked.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn owner_of(&self, slot: u16) -> &Redis {
        self.try_owner_of(slot).expect("the slot has an owner")
    }

    /// The same.
    pub fn try_owner_of(&self, slot: u16) -> io::Result<&Redis> {
        let claim = |node| {
            let own = self.own(node).ok()?;
            (own.primary && own.owns(slot)).then_some((own.epoch, node))
        };
        let claims = self.nodes.iter().filter_map(claim);
        let owner = claims.max_by_key(|(epoch, _)| *epoch).map(|(_, node)| node);
        owner.ok_or_else(|| io::Error::other(format!("slot {slot} has no owner")))
    }

    /// A failover that both nodes agree on; waits until `replica` is the primary.
    ///
    /// A node that has won an election (Redis 7.0) holds its old votes to be those of an election that it enters within
    /// the next seconds, and is left with slots that nobody grants it. So let another shard be the next that votes.
    ///
    /// # Panics
    /// When it is refused or does not happen.
    #[track_caller]
    pub fn failover(&self, replica: &Redis) {
        replica.do_cmd(&["CLUSTER", "FAILOVER"]);
        self.wait_primary(replica);
    }

    /// `replica` takes the slots of its primary without asking anybody, as when most nodes are away.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn takeover(&self, replica: &Redis) {
        replica.do_cmd(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
        self.wait_primary(replica);
    }

    #[track_caller]
    fn wait_primary(&self, node: &Redis) {
        let primary = || Ok(self.own(node)?.primary);
        node.must(try_until(HANG, "a replica to be the primary", primary));
    }

    /// Waits until every running node says that all slots are served, names the same owners, replicas and epoch, and
    /// is linked with its primary if it is a replica.
    ///
    /// # Panics
    /// When that does not happen.
    #[track_caller]
    pub fn wait_ok(&self) {
        self.try_wait_ok().expect("the cluster is well");
    }

    /// The same.
    pub fn try_wait_ok(&self) -> io::Result<()> {
        let running = self.nodes.iter().filter(|n| n.pid().is_some());
        let running: Vec<&Redis> = running.collect();
        let told = Cell::new(String::new());
        let waited = try_until(HANG, "all nodes to agree", || {
            let looks = running.iter().map(|node| self.look(node));
            let looks = looks.collect::<io::Result<Vec<Look>>>()?;
            let agreed = looks.iter().all(|l| l.well && *l == looks[0]);
            told.set(format!("{looks:#?}"));
            Ok(agreed)
        });
        waited.map_err(|e| io::Error::new(e.kind(), format!("{e}; they say {}", told.take())))
    }

    fn look(&self, node: &Redis) -> io::Result<Look> {
        let info = node.glance(&["CLUSTER", "INFO"])?.text();
        let value = |name: &str| {
            let line = info.lines().find_map(|l| l.strip_prefix(name));
            line.unwrap_or_default().to_string()
        };
        let link = node.glance(&["INFO", "replication"])?.text();
        let view = self.view(node)?.into_iter().filter(|n| !n.failing);
        let mut nodes: Vec<_> = view.map(|n| (n.id, n.primary_id, n.slots)).collect();
        nodes.sort();
        Ok(Look {
            well: value("cluster_state:") == "ok" && !link.contains("master_link_status:down"),
            epoch: value("cluster_current_epoch:"),
            nodes,
        })
    }
}

/// A node as another sees it: id, primary and slots.
type Seen = (String, Option<String>, Vec<(u16, u16)>);

/// What one node says of itself, and of all that it does not suspect.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    well: bool,
    epoch: String,
    nodes: Vec<Seen>,
}
