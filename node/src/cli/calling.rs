//! Calling a node's API for a member: key, answers and refusals, and lines that fit 80 columns.

use serde_json::{Value, json};
use tracehold_contracts::agreement::words::Language;
use tracehold_testnet::client::{Answer, Client};

use super::{Failure, NodeAddress, output};

/// Columns of what people read.
pub const COLUMNS: usize = 80;

/// Which node is asked, for whom, and how it is answered.
#[derive(Debug, clap::Args)]
pub struct Call {
    #[command(flatten)]
    address: NodeAddress,
    /// The API key of the agent that acts
    #[arg(long, value_name = "KEY", env = "TRACEHOLD_API_KEY", hide_env_values = true)]
    api_key: String,
    /// The language of what is said; that of LC_ALL, LC_MESSAGES or LANG when left out
    #[arg(long, value_enum, env = "TRACEHOLD_LANG")]
    lang: Option<Spoken>,
    /// Print the node's answer as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A language that commands speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Spoken {
    /// English
    En,
    /// Chinese
    Zh,
}

/// The language that an environment asks for: of its first variable that is set.
fn of_environment(get: impl Fn(&str) -> Option<String>) -> Spoken {
    let mut set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(get);
    match set.find(|value| !value.is_empty()) {
        Some(value) if value.to_ascii_lowercase().starts_with("zh") => Spoken::Zh,
        _ => Spoken::En,
    }
}

/// The name by which answers hold a language's sentences.
#[must_use]
pub fn tag(language: Language) -> &'static str {
    language.say("en", "zh")
}

impl Call {
    fn client(&self) -> Client {
        Client::new(&self.address.node).with_key(&self.api_key)
    }

    /// Asks for `path`.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses or cannot be reached.
    pub fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.accepted(self.client().get(path)?)
    }

    /// Sends `body` to `path`.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses or cannot be reached.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.accepted(self.client().post(path, body.to_string().as_bytes(), &[])?)
    }

    /// Puts `body` at `path`.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses or cannot be reached.
    pub fn put(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.accepted(self.client().put(path, body.to_string().as_bytes())?)
    }

    fn accepted(&self, answer: Answer) -> Result<Answer, Failure> {
        if answer.is_success() {
            return Ok(answer);
        }
        if self.json {
            // The reader of stdout learns the reason as a program can use it.
            output::json(&json!({"success": false, "problem": answer.json}))?;
        }
        Err(Failure::Refused(refusal(&answer)))
    }

    /// In which language people are spoken to.
    #[must_use]
    pub fn language(&self) -> Language {
        match self.lang.unwrap_or_else(|| of_environment(|name| std::env::var(name).ok())) {
            Spoken::En => Language::En,
            Spoken::Zh => Language::Zh,
        }
    }

    /// Everything that a list has, page after page: what stands under `name`.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses or cannot be reached.
    pub fn all(&self, first: &str, name: &str) -> Result<Vec<Value>, Failure> {
        let (mut next, mut all) = (Some(first.to_owned()), Vec::new());
        while let Some(path) = next {
            let mut answer = self.get(&path)?;
            if let Some(page) = answer.json[name].as_array_mut() {
                all.append(page);
            }
            next = answer.next;
        }
        Ok(all)
    }

    /// Prints the answer as JSON when that is asked for; says whether it was.
    ///
    /// # Errors
    /// [`Failure::ReaderGone`].
    pub fn printed(&self, value: &Value) -> Result<bool, Failure> {
        if self.json {
            output::json(value)?;
        }
        Ok(self.json)
    }

    /// The member of the key's agent.
    ///
    /// # Errors
    /// [`Failure`] when the node refuses or cannot be reached.
    pub fn member(&self) -> Result<String, Failure> {
        let answer = self.get("/api/v1/accounts?perPage=1")?;
        let account = text(&answer.json["accounts"][0]["account"]);
        let member = account.split_once('/').map(|(member, _)| member.to_owned());
        member.ok_or_else(|| Failure::Refused("the node names no account of this key".to_owned()))
    }

    /// An account as paths have it, from a purpose (`main`) or a whole name (`buyer/main`).
    ///
    /// # Errors
    /// [`Failure`] when the node refuses or cannot be reached.
    pub fn account(&self, name: &str) -> Result<String, Failure> {
        if name.contains(['/', ':']) {
            return Ok(encoded(&name.replacen('/', ":", 1)));
        }
        Ok(encoded(&format!("{}:{name}", self.member()?)))
    }
}

/// Text for one part of a path.
#[must_use]
pub fn encoded(text: &str) -> String {
    tracehold_chain::epcis::uri::percent_encoded(text)
}

/// What a JSON text says; nothing when it is none.
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An amount with its asset, such as `12.50 EUR@bank`.
#[must_use]
pub fn money(value: &Value) -> String {
    format!("{} {}", text(&value["amount"]), text(&value["asset"]))
}

/// What a problem says, its fields on lines of their own.
fn refusal(answer: &Answer) -> String {
    let mut told = answer.problem();
    if let Some(command) = answer.json["command"].as_u64() {
        told = format!("{told}\n  command {command} of the transaction, counted from 0");
    }
    if let Some(clause) = answer.json["clause"].as_str() {
        told = format!("{told}\n  clause of the terms: {clause}");
    }
    for error in answer.json["errors"].as_array().into_iter().flatten() {
        let [field, rule, mend] = ["field", "rule", "mend"].map(|name| text(&error[name]));
        let field = field.strip_prefix('/').unwrap_or(field);
        told = format!("{told}\n  {field} ({rule}): {mend}");
    }
    match answer.json["code"].as_str() {
        Some(code) => format!("{told}\n  code: {code}"),
        None => told,
    }
}

/// Columns that a character takes: Chinese ones take two.
fn width(character: char) -> usize {
    if character >= '\u{1100}' { 2 } else { 1 }
}

/// Columns that a text takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// A text in lines of at most [`COLUMNS`], the second and further ones indented. A word that does
/// not fit a line of its own stays whole; Chinese breaks between any two characters.
#[must_use]
pub fn wrapped(text: &str, indent: usize) -> Vec<String> {
    let words = text.trim_start();
    let lead = text.len().saturating_sub(words.len());
    let (mut lines, mut line) = (Vec::new(), " ".repeat(lead));
    for word in pieces(words) {
        let shown = if line.trim().is_empty() { word.trim_start() } else { word.as_str() };
        if columns(&line) + columns(shown.trim_end()) > COLUMNS && !line.trim().is_empty() {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(indent);
            line.push_str(word.trim_start());
        } else {
            line.push_str(shown);
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Where a text may break: before each word, and around wide characters.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut before = ' ';
    for character in text.chars() {
        let around_wide = match width(character) {
            2 => !"，。、；：）”".contains(character) && before != '“',
            _ => width(before) == 2,
        };
        let breaks = character == ' ' || around_wide;
        match pieces.last_mut() {
            Some(last) if !breaks => last.push(character),
            _ => pieces.push(character.to_string()),
        }
        before = character;
    }
    pieces
}

/// Prints a text in lines of at most [`COLUMNS`].
///
/// # Errors
/// [`Failure::ReaderGone`].
pub fn print(text: &str, indent: usize) -> Result<(), Failure> {
    wrapped(text, indent).iter().try_for_each(output::line)
}

/// Prints a name and what belongs to it, in two columns.
///
/// # Errors
/// [`Failure::ReaderGone`].
pub fn pair(name: &str, value: &str) -> Result<(), Failure> {
    const NAMES: usize = 14;
    let gap = " ".repeat(NAMES.saturating_sub(columns(name)).max(1));
    print(&format!("{name}{gap}{value}"), NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise P90: commands speak the language of the shell they are typed in.
    #[test]
    fn the_shell_chooses_the_language() {
        let with = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> =
                pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            of_environment(move |name| {
                pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            })
        };
        assert_eq!(with(&[]), Spoken::En);
        assert_eq!(with(&[("LANG", "zh_CN.UTF-8")]), Spoken::Zh);
        assert_eq!(with(&[("LC_ALL", ""), ("LANG", "zh_TW")]), Spoken::Zh);
        assert_eq!(with(&[("LC_ALL", "C"), ("LANG", "zh_CN")]), Spoken::En);
    }

    #[test]
    fn lines_fit_eighty_columns_in_both_languages() {
        let english = "word ".repeat(60);
        let chinese = "买方收到货物后，".repeat(20);
        for text in [english.as_str(), chinese.as_str(), "x EUR@bank, 好".repeat(30).as_str()] {
            let lines = wrapped(text, 4);
            assert!(lines.len() > 2);
            assert!(lines.iter().all(|line| columns(line) <= COLUMNS), "{lines:#?}");
            let joined: String = lines.iter().map(|line| line.trim()).collect::<String>();
            assert_eq!(joined.replace(' ', ""), text.replace(' ', ""));
        }
        assert_eq!(wrapped("short", 4), ["short"]);
        assert_eq!(wrapped("  keep two", 2), ["  keep two"]);
    }
}
