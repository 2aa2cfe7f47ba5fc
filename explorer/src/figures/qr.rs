//! QR codes as SVG: dark squares on light, with the quiet zone that scanners need.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder};

/// Light modules around a code (ISO/IEC 18004).
const QUIET: usize = 4;

/// The QR code of a text, 15 % of which may be damaged; nothing for a text that is too long.
#[must_use]
pub fn draw(text: &str, title: &str) -> Option<String> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let size = code.size;
    let mut path = String::new();
    for (row, modules) in code.data.chunks(size).take(size).enumerate() {
        let mut column = 0;
        while column < size {
            let dark = modules[column..].iter().take_while(|module| module.value()).count();
            if dark > 0 {
                let _ = write!(path, "M{} {}h{dark}v1h-{dark}z", column + QUIET, row + QUIET);
            }
            column += dark.max(1);
        }
    }
    let all = size + 2 * QUIET;
    let title = crate::drawing::escaped(title);
    Some(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {all} {all}" role="img" aria-label="{title}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{all}v{all}H0z"/><path fill="#000" d="{path}"/></svg>"##
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_and_what_is_too_long_is_not() {
        let code = draw("https://id.gs1.org/01/09506000134352/21/12", "<x>").unwrap();
        assert!(code.contains("aria-label=\"&lt;x&gt;\"") && code.starts_with("<svg"));
        assert!(draw(&"x".repeat(8_000), "").is_none());
    }
}
