//! What the user asked for.

use std::time::Duration;

/// What the user asked for.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    /// The names of scopes; all of them where there is none.
    pub(crate) scopes: Vec<String>,
    pub(crate) operations: Option<u64>,
    pub(crate) time: Option<Duration>,
    pub(crate) seed: u64,
    /// The one run to do.
    pub(crate) run: Option<u64>,
    pub(crate) prove: bool,
    pub(crate) help: bool,
}

impl Arguments {
    /// # Errors
    /// What is wrong with the first argument that makes no sense.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            scopes: Vec::new(),
            operations: None,
            time: None,
            seed: 1,
            run: None,
            prove: false,
            help: false,
        };
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--help" | "-h" => parsed.help = true,
                "--prove" => parsed.prove = true,
                "--operations" => parsed.operations = Some(number(&argument, rest.next())?),
                "--minutes" => {
                    let minutes = number(&argument, rest.next())?;
                    parsed.time = Some(Duration::from_secs(minutes.saturating_mul(60)));
                }
                "--seed" => parsed.seed = number(&argument, rest.next())?,
                "--run" => parsed.run = Some(number(&argument, rest.next())?),
                "all" => {}
                _ if argument.starts_with('-') => return Err(format!("unknown option {argument}")),
                _ => parsed.scopes.push(argument),
            }
        }
        Ok(parsed)
    }
}

fn number(option: &str, value: Option<String>) -> Result<u64, String> {
    let number = value.and_then(|value| value.replace('_', "").parse().ok());
    number.ok_or_else(|| format!("{option} wants a number"))
}
