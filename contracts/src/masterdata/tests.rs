//! The rules of master data, one line each.

use tracehold_chain::masterdata::{Link, Links, Texts, decimal};
use tracehold_chain::state::{Batch, MemoryTable, StateKey, StateTree, Table as _};
use tracehold_chain::units::MemberId;

use super::*;
use crate::layer::Layers;

fn member(id: &str, prefixes: &[&str], glns: &[&str]) -> Member {
    let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Member {
        id: MemberId::new(id).unwrap(),
        name: id.to_owned(),
        gs1_company_prefixes: own(prefixes),
        glns: own(glns),
        roles: Vec::new(),
        agents: Vec::new(),
        nodes: Vec::new(),
    }
}

fn authority() -> Authority {
    let table = MemoryTable::default();
    for member in [
        member("acme", &["9521321"], &[]),
        member("bolt", &["400000"], &["9521321000018"]),
        member("test", &["*"], &[]),
    ] {
        let key = StateKey::Member(member.id.clone()).encode();
        table.apply(&Batch::from([(key, Some(codec::encode(&member)))])).unwrap();
    }
    Authority::read(&table).unwrap()
}

fn agent(member: &str) -> AgentId {
    AgentId::new(MemberId::new(member).unwrap(), "erp").unwrap()
}

fn place(number: u32, inside: Option<u32>) -> MasterData {
    let id = |number| format!("https://id.gs1.org/414/9521321000018/254/{number}");
    MasterData::Place(Place { id: id(number), inside: inside.map(id), ..Place::default() })
}

/// What became of each transaction in turn (each a sender and records), over one state.
fn run(transactions: &[(&str, &[MasterData])]) -> (Vec<Option<&'static str>>, Batch) {
    let (table, layers, tree) = (MemoryTable::default(), Layers::default(), StateTree::new(0));
    let mut overlay = Overlay::new(&table, &layers, &tree);
    let authority = authority();
    let mut outcomes = Vec::new();
    for (index, (sender, records)) in (1_u64..).zip(transactions) {
        let at = (Height(index), TimestampMs(index * 1_000));
        let done = set(&mut overlay, &authority, &agent(sender), records.iter(), at).unwrap();
        match done {
            Ok(()) => overlay.keep(),
            Err(_) => overlay.discard(),
        }
        outcomes.push(done.err().map(|rejection| rejection.code.as_str()));
    }
    (outcomes, overlay.into_writes())
}

/// Promise P30.
#[test]
fn only_owners_describe_things() {
    let table = "
        acme  01/09521321000018                  yes
        acme  01/04000000000006                  not-yours
        acme  8003/09521321000018                yes
        acme  414/9521321000018                  yes
        acme  414/9521321000018/254/dock1        yes
        acme  417/9521321000018                  yes
        acme  414/4000000000013                  not-yours
        bolt  414/9521321000018                  yes
        bolt  414/9521321000018/254/dock1        yes
        bolt  417/9521321000018                  yes
        bolt  414/9521321000025                  not-yours
        bolt  01/09521321000018                  not-yours
        bolt  01/04000000000006                  yes
        test  01/09521321000018                  yes
        nobody 01/09521321000018                 not-yours
    ";
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let [sender, path, wanted] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let id = format!("https://id.gs1.org/{path}");
        let data = match path.split('/').next() {
            Some("414") => MasterData::Place(Place { id, ..Place::default() }),
            Some("417") => MasterData::Party(Party { id, ..Party::default() }),
            _ => MasterData::Product(Product { id, ..Product::default() }),
        };
        assert_eq!(data.check(), Ok(()), "{line}");
        let (outcomes, writes) = run(&[(sender, std::slice::from_ref(&data))]);
        assert_eq!(outcomes[0].unwrap_or("yes"), wanted, "{line}");
        assert_eq!(writes.contains_key(&data.key().encode()), wanted == "yes", "{line}");
    }
}

#[test]
fn a_party_names_no_member_but_the_one_that_describes_it() {
    let party = |member: &str| {
        MasterData::Party(Party {
            id: "https://id.gs1.org/417/9521321000018".to_owned(),
            member: Some(MemberId::new(member).unwrap()),
            ..Party::default()
        })
    };
    let (outcomes, _) = run(&[("acme", &[party("acme")]), ("acme", &[party("bolt")])]);
    assert_eq!(outcomes, [None, Some("party-of-another")]);
}

/// Promise P103.
#[test]
fn only_owners_say_where_to_go_from_their_things() {
    let table = "
        acme  01/09521321000018                  yes
        acme  01/09521321000018/10/L1            yes
        acme  01/09521321000018/21/A1            yes
        acme  00/395213210000000019              yes
        acme  414/9521321000018                  yes
        acme  01/04000000000006/21/A1            not-yours
        acme  00/340000000000000007              not-yours
        bolt  414/9521321000018                  yes
        bolt  414/9521321000025                  not-yours
        bolt  01/09521321000018/21/A1            not-yours
        test  01/09521321000018/21/A1            yes
        nobody 01/09521321000018/21/A1           not-yours
    ";
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let [sender, path, wanted] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let link = Link {
            link_type: "gs1:pip".to_owned(),
            href: "https://acme.example/".to_owned(),
            title: "About".to_owned(),
            ..Link::default()
        };
        let id = format!("https://id.gs1.org/{path}");
        let data = MasterData::Links(Links { id, links: vec![link] });
        assert_eq!(data.check(), Ok(()), "{line}");
        let (outcomes, writes) = run(&[(sender, std::slice::from_ref(&data))]);
        assert_eq!(outcomes[0].unwrap_or("yes"), wanted, "{line}");
        assert_eq!(writes.contains_key(&data.key().encode()), wanted == "yes", "{line}");
    }
}

/// Promise P30.
#[test]
fn the_latest_version_stands_with_who_set_it_and_when() {
    let product = |mass: &str| {
        MasterData::Product(Product {
            id: "https://id.gs1.org/01/09521321000018".to_owned(),
            names: Texts::from([("en".to_owned(), "Milk".to_owned())]),
            net_mass_kg: decimal(mass),
            ..Product::default()
        })
    };
    let latest = |transactions: &[(&str, &[MasterData])]| {
        let (outcomes, writes) = run(transactions);
        assert!(outcomes.iter().all(Option::is_none), "{outcomes:?}");
        decode(writes[&product("1").key().encode()].as_ref().unwrap()).unwrap()
    };
    let (one, two) = ([product("1")], [product("2")]);
    let record = latest(&[("acme", &one), ("test", &two)]);
    assert_eq!(record.data, two[0]);
    assert_eq!((record.version, record.height, record.set_at), (2, Height(2), TimestampMs(2_000)));
    assert_eq!(record.set_by, agent("test"));
    let again = latest(&[("acme", &one), ("test", &one)]);
    assert_eq!((again.version, again.set_by), (1, agent("acme")), "nothing changed");
}

/// Promise P30.
#[test]
fn a_transaction_sets_all_or_nothing() {
    let foreign = MasterData::Product(Product {
        id: "https://id.gs1.org/01/04000000000006".to_owned(),
        ..Product::default()
    });
    let (outcomes, writes) = run(&[("acme", &[place(1, None), foreign])]);
    assert_eq!(outcomes, [Some("not-yours")]);
    assert!(writes.is_empty());
}

#[test]
fn places_lie_inside_one_another_without_end_nor_ring() {
    let (outcomes, _) = run(&[
        ("acme", &[place(1, Some(2))]),
        ("acme", &[place(2, Some(3))]),
        ("acme", &[place(3, Some(1))]),
        // Turned around in one transaction, in whatever order.
        ("acme", &[place(2, Some(1)), place(1, None)]),
        ("acme", &[place(2, Some(1)), place(1, Some(2))]),
    ]);
    let ring = Some("place-nesting");
    assert_eq!(outcomes, [None, None, ring, None, ring]);
    let depth = u32::try_from(MAX_PLACE_DEPTH).unwrap();
    let chain: Vec<MasterData> = (1..=depth).map(|n| place(n, Some(n + 1))).collect();
    assert_eq!(run(&[("acme", &chain)]).0, [None]);
    assert_eq!(run(&[("acme", &chain), ("acme", &[place(0, Some(1))])]).0, [None, ring]);
}
