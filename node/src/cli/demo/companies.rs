//! The companies of the demo: who they are, what they do in it, and their GS1 keys. Prefixes are of
//! GS1's range for examples (952).

use serde_json::{Value, json};
use tracehold_chain::genesis::MemberRole;
use tracehold_testnet::load::gs1::with_check_digit;
use tracehold_testnet::manifest::{MemberPlan, Plan};

/// A company of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Store,
    Coffee,
    Vaccine,
    Carrier,
    Bank,
    Inspector,
}

/// What is known of a company.
pub struct Company {
    /// Its short name in the network.
    pub id: &'static str,
    /// Its name for people, and in Chinese.
    pub name: &'static str,
    pub name_zh: &'static str,
    /// What it does in the story.
    pub role: &'static str,
    /// Its GS1 company prefix.
    pub prefix: &'static str,
}

impl Who {
    /// All of them. The store comes first: its node has the first port, and shows the pages.
    pub const ALL: [Who; 6] =
        [Who::Store, Who::Coffee, Who::Vaccine, Who::Carrier, Who::Bank, Who::Inspector];

    /// What is known of it.
    pub fn company(self) -> Company {
        let (id, name, name_zh, role, prefix) = match self {
            Who::Store => ("lumen", "Lumen Department Store", "流明百货", "shop", "9521004"),
            Who::Coffee => {
                ("sidama", "Sidama Hills Coffee", "西达玛山咖啡", "coffee maker", "9521001")
            }
            Who::Vaccine => ("alder", "Alder Vaccines", "桤木疫苗", "vaccine maker", "9521002"),
            Who::Carrier => ("gulf-lines", "Gulf Reefer Lines", "海湾冷运", "carrier", "9521003"),
            Who::Bank => ("harbour-bank", "Harbour Bank", "港湾银行", "bank", "9521005"),
            Who::Inspector => {
                ("northgate", "Northgate Inspection", "北门检验", "inspector", "9521006")
            }
        };
        Company { id, name, name_zh, role, prefix }
    }

    /// Its short name in the network.
    pub fn id(self) -> &'static str {
        self.company().id
    }

    /// Whether its node votes: four of four members do, the bank's and the inspector's follow.
    pub fn votes(self) -> bool {
        !matches!(self, Who::Bank | Who::Inspector)
    }

    fn key(self, before: &str, reference: &str) -> String {
        with_check_digit(&format!("{before}{}{reference}", self.company().prefix))
    }

    /// Its own Global Location Number.
    pub fn gln(self) -> String {
        self.key("", "00000")
    }

    /// Itself as a party.
    pub fn party(self) -> String {
        format!("https://id.gs1.org/417/{}", self.gln())
    }

    /// A party that it keeps the number of, such as a farm that delivers to it.
    pub fn supplier(self, number: u32) -> String {
        format!("https://id.gs1.org/417/{}", self.key("", &format!("{number:05}")))
    }

    /// A place of it.
    pub fn place(self, number: u32) -> String {
        format!("https://id.gs1.org/414/{}", self.key("", &format!("{number:05}")))
    }

    /// A kind of goods of it.
    pub fn product(self, number: u32) -> String {
        format!("https://id.gs1.org/01/{}", self.key("0", &format!("{number:05}")))
    }

    /// A logistic unit of it: a case, a pallet, a box.
    pub fn sscc(self, number: u32) -> String {
        format!("https://id.gs1.org/00/{}", self.key("0", &format!("{number:09}")))
    }

    /// A reusable container of it (GRAI).
    pub fn container(self, number: u32, serial: &str) -> String {
        format!("https://id.gs1.org/8003/0{}{serial}", self.key("", &format!("{number:05}")))
    }

    /// A device of it (GIAI).
    pub fn device(self, name: &str) -> String {
        format!("https://id.gs1.org/8004/{}{name}", self.company().prefix)
    }

    /// Names in an event who sends and who receives: this company gives the goods to `carrier`,
    /// and `owner`, if there is one, is to have them in the end.
    pub fn sends(self, carrier: Who, owner: Option<Who>, event: &mut Value) {
        event["sourceList"] = json!([{ "type": "possessing_party", "source": self.party() }]);
        let to = |kind: &str, who: Who| json!({ "type": kind, "destination": who.party() });
        let mut receivers = vec![to("possessing_party", carrier)];
        receivers.extend(owner.map(|owner| to("owning_party", owner)));
        event["destinationList"] = receivers.into();
    }
}

/// The network of the demo: four companies vote, the bank and the inspector follow.
pub fn plan() -> Plan {
    let members = Who::ALL.map(|who| {
        let company = who.company();
        MemberPlan {
            id: company.id.to_owned(),
            name: company.name.to_owned(),
            prefixes: vec![company.prefix.to_owned()],
            glns: vec![who.gln()],
            agent: "app".to_owned(),
            node: format!("{}-1", company.id),
            votes: who.votes(),
            roles: match who {
                Who::Bank => vec![MemberRole::Bank],
                Who::Inspector => vec![MemberRole::Inspector],
                _ => Vec::new(),
            },
        }
    });
    Plan {
        chain_id: Some("tracehold-demo".to_owned()),
        members: members.into(),
        followers: 0,
        // A year of six companies is few things: a small tree is there at once.
        parameters: vec!["state_buckets_log2=12".to_owned()],
    }
}
