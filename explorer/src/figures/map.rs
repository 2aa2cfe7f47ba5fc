//! Where a thing was: numbered spots on the land of the Earth, no closer than a city.
//!
//! The land is [`crate::assets::WORLD`]: 1000 units are 360 degrees, the upper edge is 84 degrees
//! north. Positions are tenths of a degree, some ten kilometres: a map never shows more.

use std::fmt::Write as _;

use super::hundredths;
use crate::assets::WORLD;

/// Stops that a map shows; the newest.
pub const MAX_STOPS: usize = 30;

/// The land, in hundredths of a unit.
const WIDTH: i64 = 100_000;
const HEIGHT: i64 = 40_000;

/// The narrowest view: 43 degrees.
const NARROWEST: i64 = 12_000;

/// A place on the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Its name.
    pub name: String,
    /// Tenths of a degree north.
    pub north: i64,
    /// Tenths of a degree east.
    pub east: i64,
}

/// A spot: one or several stops that lie too close to be told apart.
struct Spot {
    x: i64,
    y: i64,
    numbers: Vec<usize>,
}

fn project(stop: &Stop) -> (i64, i64) {
    let x = (stop.east + 1_800) * WIDTH / 3_600;
    let y = (840 - stop.north) * WIDTH / 3_600;
    (x.clamp(0, WIDTH), y.clamp(0, HEIGHT))
}

/// The map of these stops in their order, the first number being 1; nothing without stops.
#[must_use]
pub fn draw(stops: &[Stop], title: &str) -> Option<String> {
    let points: Vec<(i64, i64)> = stops.iter().take(MAX_STOPS).map(project).collect();
    let (left, right) = (points.iter().map(|p| p.0).min()?, points.iter().map(|p| p.0).max()?);
    let (top, bottom) = (points.iter().map(|p| p.1).min()?, points.iter().map(|p| p.1).max()?);
    let across = (right - left).max((bottom - top) * WIDTH / HEIGHT);
    let width = (across * 3 / 2).clamp(NARROWEST, WIDTH);
    let height = width * HEIGHT / WIDTH;
    let x0 = (i64::midpoint(left, right) - width / 2).clamp(0, WIDTH - width);
    let y0 = (i64::midpoint(top, bottom) - height / 2).clamp(0, HEIGHT - height);
    // Lengths for a view of 1000 units; a narrower one shrinks them.
    let scaled = |length: i64| length * width / 1_000;
    let spots = gathered(&points, scaled(42));
    let mut out = String::with_capacity(1_024);
    let view = [x0, y0, width, height].map(hundredths).join(" ");
    let _ = write!(
        out,
        r#"<svg viewBox="{view}" role="img" aria-label="{}"><rect class="sea" x="{}" y="{}" width="{}" height="{}"/>"#,
        crate::drawing::escaped(title),
        hundredths(x0),
        hundredths(y0),
        hundredths(width),
        hundredths(height)
    );
    let _ = write!(out, r#"<image href="{}" width="1000" height="400"/>"#, WORLD.path);
    let mut grid = String::new();
    for meridian in 1..12 {
        let _ = write!(grid, "M{} 0V400", hundredths(meridian * WIDTH / 12));
    }
    for parallel in 0..5 {
        let _ =
            write!(grid, "M0 {}H1000", hundredths((840 - 600 + parallel * 300) * WIDTH / 3_600));
    }
    let _ = write!(
        out,
        r#"<path class="grid" stroke-width="{}" d="{grid}"/>"#,
        hundredths(scaled(1).max(10))
    );
    if points.len() > 1 {
        let way: Vec<String> =
            points.iter().map(|(x, y)| format!("{} {}", hundredths(*x), hundredths(*y))).collect();
        let _ = write!(
            out,
            r#"<path class="way" stroke-width="{}" d="M{}"/>"#,
            hundredths(scaled(5)),
            way.join("L")
        );
    }
    for spot in &spots {
        let number = match spot.numbers.as_slice() {
            [one] => one.to_string(),
            [one, two] => format!("{one}·{two}"),
            [first, .., last] => format!("{first}…{last}"),
            [] => continue,
        };
        let _ = write!(
            out,
            r#"<circle class="spot" cx="{x}" cy="{y}" r="{}" stroke-width="{}"/><text x="{x}" y="{}" style="font-size:{}px;fill:var(--paper);font-weight:700" text-anchor="middle">{number}</text>"#,
            hundredths(scaled(26)),
            hundredths(scaled(5)),
            hundredths(spot.y + scaled(11)),
            hundredths(scaled(if spot.numbers.len() > 1 { 22 } else { 32 })),
            x = hundredths(spot.x),
            y = hundredths(spot.y),
        );
    }
    out.push_str("</svg>");
    Some(out)
}

/// Points that are closer than `reach` are one spot.
fn gathered(points: &[(i64, i64)], reach: i64) -> Vec<Spot> {
    let mut spots: Vec<Spot> = Vec::new();
    for (place, (x, y)) in points.iter().enumerate() {
        let near = |spot: &&mut Spot| (spot.x - x).abs() < reach && (spot.y - y).abs() < reach;
        match spots.iter_mut().find(near) {
            Some(spot) => spot.numbers.push(place + 1),
            None => spots.push(Spot { x: *x, y: *y, numbers: vec![place + 1] }),
        }
    }
    spots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(name: &str, north: i64, east: i64) -> Stop {
        Stop { name: name.to_owned(), north, east }
    }

    #[test]
    fn a_map_shows_the_stops_and_no_more_of_the_earth_than_it_must() {
        assert_eq!(draw(&[], "x"), None);
        let way = [stop("Hamburg", 536, 100), stop("Santos", -240, -463), stop("Kiel", 543, 101)];
        let map = draw(&way, "\"<b>").unwrap();
        assert!(map.contains("aria-label=\"&quot;&lt;b&gt;\""), "{map}");
        assert!(map.contains(">1·3<") && map.contains(">2<"), "{map}");
        assert!(map.contains(&WORLD.path) && map.len() < 3_000, "{}", map.len());
        let narrow = draw(&way[..1], "x").unwrap();
        assert!(narrow.contains("viewBox=\"467.77 60.44 120 48\""), "{narrow}");
        // What lies at the edge, or beyond it, stays on the map.
        assert!(draw(&[stop("South Pole", -900, 1_800)], "x").unwrap().contains("cx=\"1000\""));
    }
}
