//! Secrets in a document, which no rendering of a problem shows (requirement S84).

/// What the name of a key with a secret holds, also misspelt.
const SECRET: [&str; 6] = ["secret", "passw", "pasw", "pwd", "token", "credential"];

/// A document with asterisks in the place of its secrets: the values of keys that are called so,
/// all values of tables that are, and what stands before the `@` of an address. Every byte keeps
/// its place.
pub(super) fn masked(text: &str) -> String {
    let mut table_is_secret = false;
    let lines = text.split_inclusive('\n').map(|line| {
        if line.trim_start().starts_with('[') {
            table_is_secret = names_secret(line);
            return line.to_owned();
        }
        masked_line(line, table_is_secret)
    });
    lines.collect()
}

fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

fn masked_line(line: &str, table_is_secret: bool) -> String {
    let (key, value) = line.split_once('=').unwrap_or((line, ""));
    if table_is_secret || names_secret(key) {
        let stars =
            stars(value, |byte| !matches!(byte, b'"' | b'\'' | b'{' | b'}' | b' ' | b'\r' | b'\n'));
        let equals = if value.is_empty() && !line.contains('=') { "" } else { "=" };
        return format!("{key}{equals}{stars}");
    }
    let Some((before, rest)) = line.split_once("://") else { return line.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) => format!("{before}://{}@{host}", stars(user, |_| true)),
        None => line.to_owned(),
    }
}

/// As many bytes, of which those that are hidden are asterisks.
fn stars(text: &str, is_hidden: impl Fn(u8) -> bool) -> String {
    text.bytes().map(|byte| if is_hidden(byte) { '*' } else { char::from(byte) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S84.
    #[test]
    fn secrets_are_starred_and_every_byte_keeps_its_place() {
        let check = |text: &str, expected: &str| {
            assert_eq!(masked(text), expected);
            assert_eq!(masked(text).len(), text.len(), "{text}");
        };
        check("client_secret = \"abc\"\nx = 1\n", "client_secret = \"***\"\nx = 1\n");
        check("bind_pasword = 'geheim€'", "bind_pasword = '*********'");
        check("client_secret = unquoted\r\n", "client_secret = ********\r\n");
        check("store = \"postgres://u:p@ss@h/db\"", "store = \"postgres://******@h/db\"");
        check("public_url = \"https://a.example\"", "public_url = \"https://a.example\"");
        check("secret", "secret");
        check("[a.secret]\nvalue = \"ab\"\n[b]\nc = 1", "[a.secret]\nvalue = \"**\"\n[b]\nc = 1");
        check("key = \"privkey.pem\"", "key = \"privkey.pem\"");
    }
}
