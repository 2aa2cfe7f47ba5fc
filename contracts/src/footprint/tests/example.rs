//! The example of `example.txt`, which anybody can check with a pocket calculator.

use super::*;

const TABLE: &str = include_str!("example.txt");
const KG: u64 = 1_000_000_000;

/// The rows under a heading, without the line of column names.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = TABLE.lines().skip_while(|line| *line != heading).skip(2);
    let lines = lines.take_while(|line| !line.is_empty());
    lines.map(|line| line.split('|').map(str::trim).collect()).collect()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn example() -> Graph {
    let mut graph = Graph::default();
    for row in rows("LEGS") {
        let [number_of_leg, what, load, kilometres, per, expected, data] = row.try_into().unwrap();
        let (grams, per) = per.split_once(" g/").unwrap();
        let load = Some(quantity(number(load), "kg"));
        let mut activity = match per {
            "t.km" => carried(load, number(kilometres), number(grams)),
            "t" => {
                let tonne = Per::Unit(Unit::named("t").unwrap());
                let value = Some((quantity(number(grams), "g"), tonne));
                let basis = Basis::Mass(Factor { value, ..factor(0) });
                Activity { kind: Kind::Hub, mode: None, mass: load, basis, ..measured(0) }
            }
            other => panic!("{what}: per {other}?"),
        };
        activity.data_type = match data {
            "primary" => DataType::Primary,
            "modelled" => DataType::Modelled,
            _ => DataType::Default,
        };
        assert_eq!(activity.emissions(None), Ok(number(expected).into()), "leg {number_of_leg}");
        graph.legs.push(leg(10 * number(number_of_leg), activity, Vec::new()));
    }
    for row in rows("PACKING") {
        let [what, mass, parent, from, until] = row.try_into().unwrap();
        graph.masses.insert(what.to_owned(), number(mass) * KG);
        let (from, until) = (10 * number(from) - 1, 10 * number(until) + 1);
        graph.packing.push(packed(what, parent, from, Some(until)));
    }
    for (leg, row) in graph.legs.iter_mut().zip(rows("CARRIED")) {
        leg.loads = row[1].split(", ").map(one).collect();
    }
    graph
}

/// Promise P41.
#[test]
fn the_example_comes_out_as_by_hand() {
    let graph = example();
    assert_eq!(graph.legs.len(), 5);
    for row in rows("SHARES") {
        let what = row[0];
        let found = footprint(&graph, what);
        assert_eq!(found.open, [], "{what}");
        for (index, expected) in row[1..6].iter().enumerate() {
            let part = found.parts.iter().find(|part| part.leg == index);
            let share = part.map_or(0, |part| part.milligrams);
            assert_eq!(share, number(expected).into(), "{what}, leg {}", index + 1);
        }
        assert_eq!(found.milligrams, number(row[6]).into(), "{what}");
        assert_eq!(found.primary_permille, Some(u16::try_from(number(row[7])).unwrap()), "{what}");
    }
}
