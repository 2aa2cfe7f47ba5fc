//! The rules of recalls, one line each.

use tracehold_chain::genesis::{Member, Parameters};
use tracehold_chain::state::{Batch, MemoryTable, StateTree, Table as _};
use tracehold_chain::units::{Height, MemberId, TimestampMs};

use super::*;
use crate::authority::Authority;
use crate::layer::Layers;

fn authority() -> Authority {
    let member = |id: &str, prefixes: &[&str], glns: &[&str]| Member {
        id: MemberId::new(id).unwrap(),
        name: id.to_owned(),
        gs1_company_prefixes: prefixes.iter().map(|text| (*text).to_owned()).collect(),
        glns: glns.iter().map(|text| (*text).to_owned()).collect(),
        roles: Vec::new(),
        agents: Vec::new(),
        nodes: Vec::new(),
    };
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

fn texts(text: &str) -> Texts {
    Texts::from([("en".to_owned(), text.to_owned())])
}

fn identifier(path: &str) -> String {
    format!("https://id.gs1.org/{path}")
}

/// A line is a member, `declares` or `withdraws`, a reference, and what is recalled or why not.
fn command(verb: &str, reference: &str, rest: &[&str]) -> RecallCommand {
    let reference = Reference::new(reference).unwrap();
    if verb == "withdraws" {
        return RecallCommand::Withdraw { reference, reason: texts(rest[0]) };
    }
    let notice = RecallNotice {
        items: rest.iter().map(|path| identifier(path)).collect(),
        reason: texts("Glass was found."),
        what_to_do: texts("Bring it back."),
        contact: "+49 30 1234567".to_owned(),
        web: None,
    };
    assert_eq!(notice.check(), Ok(()));
    RecallCommand::Declare { reference, notice }
}

/// Runs the lines of a table in blocks of their own; each ends in `=>` and what becomes of it.
fn run_table(table: &str) -> Batch {
    let (below, layers, tree) = (MemoryTable::default(), Layers::default(), StateTree::new(0));
    let mut overlay = Overlay::new(&below, &layers, &tree);
    let (authority, parameters) = (authority(), Parameters::default());
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    for (height, line) in (1_u64..).zip(lines) {
        let (given, wanted) = line.split_once("=>").unwrap();
        let words: Vec<&str> = given.split_whitespace().collect();
        let sender = AgentId::new(MemberId::new(words[0]).unwrap(), "erp").unwrap();
        let now = Now {
            authority: &authority,
            parameters: &parameters,
            height: Height(height),
            block_time: TimestampMs(height * 1_000),
            receipt: 1,
        };
        let command = command(words[1], words[2], &words[3..]);
        let done = run(&mut overlay, &command, &sender, now).unwrap();
        match &done {
            Ok(()) => overlay.keep(),
            Err(_) => overlay.discard(),
        }
        let told = done.as_ref().map_or_else(|rejection| rejection.code.as_str(), |()| "done");
        assert_eq!(told, wanted.trim(), "{line}");
    }
    overlay.into_writes()
}

fn kept<T: serde::de::DeserializeOwned + Serialize>(writes: &Batch, key: &StateKey) -> Option<T> {
    let value = writes.get(&key.encode()).cloned().flatten();
    value.map(|bytes| codec::decode(&bytes).unwrap())
}

/// Promise P115.
#[test]
fn only_the_owner_of_the_company_prefix_recalls() {
    run_table(
        "
        acme   declares R1  01/09521321000018                                => done
        acme   declares R2  01/09521321000018/10/L1                          => done
        acme   declares R3  01/09521321000018/21/A1                          => done
        acme   declares R4  00/395213210000000019                            => done
        acme   declares R5  8003/09521321000018X                             => done
        acme   declares R6  01/04000000000006/10/L1                          => not-yours
        acme   declares R7  01/04000000000006/10/L1 01/09521321000018/10/L1  => not-yours
        bolt   declares R1  01/09521321000018/10/L1                          => not-yours
        bolt   declares R1  01/04000000000006/10/L1                          => done
        test   declares R1  01/09521321000018/10/L1                          => done
        nobody declares R1  01/09521321000018/10/L1                          => unknown-agent
        ",
    );
}

/// Promise P115.
#[test]
fn a_recall_is_declared_once_and_withdrawn_once_by_its_own_member() {
    let writes = run_table(
        "
        acme  withdraws R1  mistake                                  => recall-unknown
        acme  declares  R1  01/09521321000018/10/L1                  => done
        acme  declares  R1  01/09521321000018/10/L1                  => done
        acme  declares  R1  01/09521321000018/10/L2                  => recall-exists
        test  declares  R1  01/09521321000018/10/L1                  => done
        bolt  withdraws R1  mistake                                  => recall-unknown
        acme  withdraws R1  mistake                                  => done
        acme  withdraws R1  mistake                                  => done
        acme  withdraws R1  other                                    => recall-ended
        acme  declares  R1  01/09521321000018/10/L2                  => recall-exists
        acme  declares  R2  01/09521321000018/10/L1 01/09521321000018/21/A1 => done
        ",
    );
    let id = |text: &str| text.parse::<RecallId>().unwrap();
    let record: RecallRecord = kept(&writes, &id("acme:R1").key()).unwrap();
    assert_eq!((record.number, record.declared.height), (1, Height(2)), "a retry changes nothing");
    let over = record.withdrawn.unwrap();
    assert_eq!((over.act.height, over.act.by.to_string()), (Height(7), "acme/erp".to_owned()));
    assert_eq!(over.reason, texts("mistake"));
    let of = |path: &str| {
        let of: Option<OpenRecalls> = kept(&writes, &StateKey::RecallsOf(identifier(path)));
        of.map(|of| of.open).unwrap_or_default()
    };
    assert_eq!(of("01/09521321000018/10/L1"), [id("test:R1"), id("acme:R2")]);
    assert_eq!(of("01/09521321000018/21/A1"), [id("acme:R2")]);
    assert_eq!(of("01/09521321000018/10/L2"), []);
    let count: RecallCount = kept(&writes, &StateKey::RecallCount).unwrap();
    assert_eq!(count, RecallCount { declared: 3, open: 2 });
    let third: RecallId = kept(&writes, &StateKey::RecallNumber(3)).unwrap();
    assert_eq!(third, id("acme:R2"));
}

/// Promise P115: what is named by no open recall has nothing at its key, which can be proved.
#[test]
fn a_withdrawn_recall_leaves_nothing_at_the_things_it_named() {
    let writes = run_table(
        "
        acme  declares  R1  01/09521321000018/10/L1  => done
        acme  withdraws R1  mistake                  => done
        ",
    );
    let key = StateKey::RecallsOf(identifier("01/09521321000018/10/L1")).encode();
    assert_eq!(writes.get(&key), Some(&None));
}

#[test]
fn one_thing_is_named_by_so_many_open_recalls_and_no_more() {
    let mut table = String::new();
    for number in 0..MAX_OPEN_RECALLS_OF_ONE {
        table.push_str(&format!("acme declares R{number} 01/09521321000018 => done\n"));
    }
    table.push_str("acme declares R-more 01/09521321000018 => too-many-recalls\n");
    table.push_str("acme withdraws R0 over => done\n");
    table.push_str("acme declares R-more 01/09521321000018 => done\n");
    run_table(&table);
}
