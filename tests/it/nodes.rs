//! Several nodes, the real program each, on one real database: one leads, all deliver, and whichever is killed, nothing is lost and
//! nothing is settled twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nadhir::config;
use nadhir::daemon::control::{Answer, Question, ask};
use nadhir::engine::desk::Warn;
use nadhir::engine::staff::Order;
use nadhir::hazard::{Hazard, Severity};
use nadhir::ids::{BulletinId, GovernorateId};
use nadhir::outbox::Standing;
use nadhir::store::{Archive as _, DeliveryRow};
use nadhir::time::TimeDelta;
use tokio::runtime::Runtime;

use super::outside::Manner;
use super::postgres::{Cable, Elephant, open};
use super::process::{PATIENCE, Process, nadhir, run, text, wait_for};
use super::service::Scene;

const HOOKS: [&str; 3] = ["east", "west", "north"];

/// How long may pass until another node leads: after one was killed, and after one was told to stop.
const AFTER_A_KILL: Duration = Duration::from_secs(10);
const AFTER_A_STOP: Duration = Duration::from_secs(3);

/// Notes whatever happens to a delivery after it was settled, and counts how often each was.
const WITNESS: &str = "CREATE TABLE nadhir.settled (delivery BIGINT, standing BIGINT);
    CREATE TABLE nadhir.unsettled (delivery BIGINT);
    CREATE FUNCTION nadhir.witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF OLD.standing <> 0 AND (NEW.standing <> OLD.standing OR NEW.settled_at <> OLD.settled_at OR NEW.attempts <> OLD.attempts)
        THEN INSERT INTO nadhir.unsettled VALUES (OLD.id); END IF;
        IF OLD.standing = 0 AND NEW.standing <> 0 THEN INSERT INTO nadhir.settled VALUES (NEW.id, NEW.standing); END IF;
        RETURN NEW; END $$;
    CREATE TRIGGER witness AFTER UPDATE ON nadhir.deliveries FOR EACH ROW EXECUTE FUNCTION nadhir.witness();";

/// One node.
struct Node {
    state: PathBuf,
    config: PathBuf,
    process: Option<Process>,
    /// How much of what it has said was looked at.
    heard: usize,
}

/// Nodes with the world around them.
struct House {
    scene: Scene,
    database: String,
    nodes: Vec<Node>,
    runtime: Runtime,
    /// What is still to be warned of: each once.
    storm: Vec<(Hazard, GovernorateId)>,
    /// What was answered for: it is committed, and must reach everybody.
    said: BTreeSet<BulletinId>,
}

impl House {
    /// So many nodes, each over its own way to the database.
    fn open(ways: &[String], database: &str) -> Self {
        let scene = Scene::bare();
        scene.outside.set("rain", Manner::Rain(0.0));
        let hooks: String = HOOKS.iter().map(|hook| scene.desk().replace("desk", hook)).collect();
        let hooks = hooks.replace("east.secret", "desk.secret").replace("west.secret", "desk.secret");
        let hooks = hooks.replace("north.secret", "desk.secret");
        let settings = std::fs::read_to_string(scene.config().join("nadhir.toml")).unwrap();
        let nodes = ways.iter().enumerate().map(|(place, url)| {
            let config = scene.config().parent().unwrap().join(format!("config-{place}"));
            std::fs::create_dir(&config).unwrap();
            let write = |name: &str, content: &str| std::fs::write(config.join(name), content).unwrap();
            write("nadhir.toml", &settings.replace("[store]\n", &format!("[store]\nurl = {url:?}\n")));
            write("feeds.toml", &scene.outside.feeds_toml(&["rain"]));
            write("channels.toml", &hooks);
            let state = scene.config().parent().unwrap().join(format!("state-{place}"));
            Node { state, config, process: None, heard: 0 }
        });
        let nodes = nodes.collect();
        let places = config::from_files(BTreeMap::new()).unwrap().0.governorates;
        let places: Vec<GovernorateId> = places.iter().map(|place| place.id.clone()).collect();
        let storm = Hazard::ALL.iter().flat_map(|hazard| places.iter().map(|place| (*hazard, place.clone()))).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { scene, database: database.to_owned(), nodes, runtime, storm, said: BTreeSet::new() }
    }

    fn start(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        let mut command = nadhir(["run", "--config", text(&node.config), "--state", text(&node.state)]);
        let mut process = Process::start(&mut command);
        process.says(0, "Ready with");
        (node.process, node.heard) = (Some(process), 0);
    }

    /// Which nodes say that they lead and have not said otherwise since.
    fn leaders(&self) -> Vec<usize> {
        let leads = |node: &Node| {
            let said = node.process.as_ref().map(Process::stderr).unwrap_or_default();
            let last = said.lines().filter_map(|line| Some(line.split_once("This node ")?.1)).next_back();
            last.is_some_and(|last| last.starts_with("leads"))
        };
        self.nodes.iter().enumerate().filter(|(_, node)| leads(node)).map(|(place, _)| place).collect()
    }

    fn leader(&self) -> usize {
        wait_for("a leader", || self.leaders().first().copied())
    }

    /// Waits until another node than one leads; tells which, and how long that took.
    fn next_leader(&self, than: usize, since: Instant) -> (usize, Duration) {
        let next = wait_for("another leader", || self.leaders().into_iter().find(|place| *place != than));
        (next, since.elapsed())
    }

    fn order(&self, place: usize, order: Order) -> std::io::Result<Answer> {
        let state = self.nodes[place].state.clone();
        self.runtime.block_on(async { ask(&state, &Question::Order { order }).await })
    }

    /// Warns of the next thing, at whichever node takes the order; false when none does at this moment.
    fn warn(&mut self) -> bool {
        let (hazard, place) = self.storm.last().cloned().expect("the storm is long enough");
        let until = chrono::Utc::now() + TimeDelta::hours(2);
        let warn = Warn {
            hazard,
            severity: Severity::Orange,
            governorates: BTreeSet::from([place]),
            onset: None,
            until,
            remarks: None,
            is_drill: false,
            by: "test".to_owned(),
        };
        for node in 0..self.nodes.len() {
            let is_running = self.nodes[node].process.is_some();
            let Some(Ok(answer)) = is_running.then(|| self.order(node, Order::Warn(warn.clone()))) else { continue };
            if answer.ok {
                self.storm.pop();
                self.said.extend(answer.said);
                return true;
            }
            // What was committed and not answered for, because the leader died in between, is in force already.
            if !answer.problems.contains("this node") {
                self.storm.pop();
            }
        }
        false
    }

    /// Goes on warning until something is so.
    fn storm_until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < end, "waited in vain for {what}");
            if !self.warn() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn rows(&self) -> Vec<DeliveryRow> {
        let url = Elephant::shared().url(&self.database);
        self.runtime.block_on(async { open(&url).await.deliveries().await.unwrap() })
    }

    /// All that was said has reached everybody, in one way, and was settled once.
    fn all_is_told(&self) {
        let rows = wait_for("everything to be settled", || {
            let rows = self.rows();
            rows.iter().all(|row| row.standing != Standing::Owed).then_some(rows)
        });
        let lost: Vec<&DeliveryRow> = rows.iter().filter(|row| row.standing != Standing::Delivered).collect();
        assert!(lost.is_empty(), "{lost:#?}");
        let arrivals = self.scene.outside.arrivals();
        for hook in HOOKS {
            let here = || arrivals.iter().filter(|arrival| arrival.hook == hook);
            let told: BTreeSet<&str> = here().filter_map(|arrival| arrival.body["data"]["id"].as_str()).collect();
            let missing: Vec<&BulletinId> = self.said.iter().filter(|id| !told.contains(id.as_str())).collect();
            assert!(missing.is_empty(), "{hook} never heard of {missing:?}");
            let mut bodies: BTreeMap<&str, &serde_json::Value> = BTreeMap::new();
            for arrival in here() {
                let before = bodies.insert(&arrival.id, &arrival.body);
                assert!(before.is_none_or(|before| *before == arrival.body), "{} was told in two ways", arrival.id);
            }
            assert_eq!(bodies.len(), told.len(), "each bulletin has one key at {hook}");
        }
        let ask = |sql: &str| Elephant::shared().psql(&self.database, sql).unwrap();
        assert_eq!(ask("SELECT count(*) FROM nadhir.unsettled"), "0", "what is settled stays as it is");
        assert_eq!(ask("SELECT count(*) - count(DISTINCT delivery) FROM nadhir.settled"), "0");
        assert_eq!(ask("SELECT count(*) FROM nadhir.settled"), rows.len().to_string());
    }
}

#[test]
fn whichever_of_three_nodes_is_killed_in_a_storm_nothing_is_lost_and_nothing_is_settled_twice() {
    let elephant = Elephant::shared();
    let database = elephant.database();
    let url = elephant.url(&database);
    let mut house = House::open(&[url.clone(), url.clone(), url.clone()], &database);
    house.start(0);
    elephant.psql(&database, WITNESS).unwrap();
    house.start(1);
    house.start(2);
    assert_eq!(house.leaders(), [0], "who came first leads, and nobody else");
    let standby = house.order(1, Order::Speak { number: 1, by: "test".to_owned() }).unwrap();
    assert!(!standby.ok && standby.problems.contains("ask the one that leads"), "{standby:?}");
    let mut killed = BTreeSet::new();
    while killed.len() < 3 {
        let before = house.said.len();
        house.storm_until("a few warnings", |house| before + 10 <= house.said.len());
        let leader = house.leader();
        // The leader itself, as long as it has not been killed yet; then those who stand by.
        let victim = if killed.insert(leader) { leader } else { (0..3).find(|place| killed.insert(*place)).unwrap() };
        let at = Instant::now();
        house.nodes[victim].process.take().unwrap().kill();
        if victim == leader {
            house.storm_until("another leader", |house| house.leaders().into_iter().any(|place| place != victim));
            assert!(at.elapsed() < AFTER_A_KILL, "taking over took {:?}", at.elapsed());
        }
        house.start(victim);
    }
    let before = house.said.len();
    house.storm_until("a few warnings", |house| before + 10 <= house.said.len());
    // In good order another one leads at once.
    let leader = house.leader();
    let at = Instant::now();
    house.nodes[leader].process.as_ref().unwrap().signal("TERM");
    let (next, took) = house.next_leader(leader, at);
    assert!(took < AFTER_A_STOP, "taking over took {took:?}");
    let end = house.nodes[leader].process.take().unwrap().end();
    assert_eq!(end.code, Some(0), "{end:?}");
    house.all_is_told();
    assert!(30 < house.said.len(), "{} warnings prove little", house.said.len());
    // Every node has delivered.
    let carriers = house.nodes.iter().filter_map(|node| node.process.as_ref());
    let carried = carriers.map(|process| process.stderr().matches("Delivered ").count());
    assert!(carried.chain([end.stderr.matches("Delivered ").count()]).filter(|count| 0 < *count).count() > 1);
    let journal = run(&mut nadhir([
        "journal",
        "--json",
        "--last",
        "10000",
        "--config",
        text(&house.nodes[next].config),
        "--state",
        text(&house.nodes[next].state),
    ]));
    assert_eq!(journal.code, Some(0), "{journal:?}");
    assert!(journal.stdout.matches("\"kind\":\"start\"").count() > 2, "each new leader writes that it begins");
}

#[test]
fn a_node_that_loses_the_database_stops_deciding_and_says_so_and_another_takes_over() {
    let elephant = Elephant::shared();
    let database = elephant.database();
    let cable = Cable::to(elephant);
    let mut house = House::open(&[cable.url(&database), elephant.url(&database)], &database);
    house.start(0);
    elephant.psql(&database, WITNESS).unwrap();
    house.start(1);
    house.storm_until("a few warnings", |house| 5 <= house.said.len());
    assert_eq!(house.leaders(), [0]);
    let at = Instant::now();
    cable.cut();
    let (next, took) = house.next_leader(0, at);
    assert!(next == 1 && took < AFTER_A_KILL, "taking over took {took:?}");
    let said = house.nodes[0].process.as_ref().unwrap().stderr();
    assert!(said.contains("this node decides nothing and delivers nothing until it does"), "{said}");
    let refused = house.order(0, Order::Speak { number: 1, by: "test".to_owned() }).unwrap();
    assert!(!refused.ok && refused.problems.contains("is cut off from the database"), "{refused:?}");
    let before = house.said.len();
    house.storm_until("a few more warnings", |house| before + 5 <= house.said.len());
    cable.mend();
    let from = house.nodes[0].heard;
    house.nodes[0].process.as_mut().unwrap().says(from, "The database answers again");
    wait_for("the first node to stand by", || (house.leaders() == [1]).then_some(()));
    house.storm_until("a few more warnings", |house| before + 10 <= house.said.len());
    house.all_is_told();
}
