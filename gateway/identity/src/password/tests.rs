//! What may be a password, and what may not.

use super::*;

fn check_as(user: &str, password: &str, expected: Result<(), PasswordError>) {
    let user = UserName::parse(user).unwrap();
    assert_eq!(check(&password.into(), &user), expected, "{password}");
}

/// S11.
#[test]
fn length_counts_characters() {
    check_as("jane", "1234567", Err(PasswordError::TooShort));
    check_as("jane", "", Err(PasswordError::TooShort));
    check_as("jane", "éé📷éé📷é", Err(PasswordError::TooShort));
    check_as("jane", "éé📷éé📷éé", Ok(()));
    check_as("jane", &"aß ".repeat(22), Ok(()));
    check_as("jane", &"é".repeat(256), Ok(()));
    check_as("jane", &"é".repeat(257), Err(PasswordError::TooLong));
}

#[test]
fn nothing_else_is_asked_of_a_password() {
    for password in ["xkqwvzjp", "        z", "correct horse", "7394618250"] {
        check_as("jane", password, Ok(()));
    }
}

#[test]
fn what_everybody_tries_first_is_refused() {
    for password in ["password", "PASSWORD", "12345678", "iloveyou1", "changeme", "vestibule"] {
        check_as("jane", password, Err(PasswordError::Common));
    }
}

#[test]
fn ones_own_name_is_refused() {
    check_as("jane.smith", "jane.smith", Err(PasswordError::UserName));
    check_as("jane.smith", "JANE.Smith", Err(PasswordError::UserName));
    check_as("jane.smith", "jane.smith2", Ok(()));
}

#[test]
fn the_list_is_sorted_lower_case_and_long_enough() {
    let lines: Vec<_> = COMMON.lines().collect();
    assert!(lines.len() >= 3_000, "{}", lines.len());
    assert!(lines.is_sorted());
    for line in lines {
        assert!(line.chars().count() >= MIN_LENGTH && line.to_lowercase() == line, "{line}");
    }
}
