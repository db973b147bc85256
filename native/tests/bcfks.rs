//! A container that Bouncy Castle has written: it opens, and nothing that was changed in it gives another key.

mod support;
use support::*;

#[test]
fn a_container_of_bouncy_castle_opens() {
    assert_eq!(
        read_container(CONTAINER, CONTAINER_PASSWORD, CONTAINER_ALIAS, 64).unwrap(),
        CONTAINER_KEY
    );
    assert_eq!(
        read_container(CONTAINER, CONTAINER_PASSWORD, CONTAINER_ALIAS, CONTAINER_KEY.len()).unwrap(),
        CONTAINER_KEY
    );
}

#[test]
fn another_password_alias_or_too_little_room_gives_nothing() {
    let read = |password: &[u8], alias: &[u8], room| read_container(CONTAINER, password, alias, room);
    for password in [&b""[..], b"0123456789abcdeF", b"0123456789abcde", &[0xFF; 128]] {
        assert_eq!(read(password, CONTAINER_ALIAS, 64), Err(MG_ERR_AUTHENTICATION));
    }
    assert_eq!(read(&[b'a'; 129], CONTAINER_ALIAS, 64), Err(MG_ERR_INVALID_ARGUMENT));
    assert_eq!(read(CONTAINER_PASSWORD, b"another", 64).unwrap(), b"");
    assert_eq!(read(CONTAINER_PASSWORD, b"", 64).unwrap(), b"");
    let short = CONTAINER_KEY.len() - 1;
    assert_eq!(
        read(CONTAINER_PASSWORD, CONTAINER_ALIAS, short),
        Err(MG_ERR_INVALID_ARGUMENT)
    );
}

#[test]
fn no_flipped_bit_and_no_cut_gives_another_key() {
    let mut changed = CONTAINER.to_vec();
    for bit in 0..8 * CONTAINER.len() {
        changed[bit / 8] ^= 1 << (bit % 8);
        let read = read_container(&changed, CONTAINER_PASSWORD, CONTAINER_ALIAS, 64);
        assert_eq!(read, Err(MG_ERR_AUTHENTICATION), "bit {bit}");
        changed[bit / 8] ^= 1 << (bit % 8);
    }
    for length in 0..CONTAINER.len() {
        let cut = read_container(&CONTAINER[..length], CONTAINER_PASSWORD, CONTAINER_ALIAS, 64);
        assert_eq!(cut, Err(MG_ERR_AUTHENTICATION), "length {length}");
    }
    let longer = [CONTAINER, b"x"].concat();
    let longer = read_container(&longer, CONTAINER_PASSWORD, CONTAINER_ALIAS, 64);
    assert_eq!(longer, Err(MG_ERR_AUTHENTICATION));
}

/// It would keep a processor busy for hours; the count is not covered by the MAC that it is for.
#[test]
fn two_billion_rounds_are_refused_at_once() {
    let container = include_bytes!("vectors/two-billion-rounds.bcfks");
    let read = read_container(container, CONTAINER_PASSWORD, CONTAINER_ALIAS, 64);
    assert_eq!(read, Err(MG_ERR_AUTHENTICATION));
}

#[test]
fn nothing_and_too_much_are_no_containers() {
    assert_eq!(read_container(b"", b"", b"", 0), Err(MG_ERR_AUTHENTICATION));
    let long = vec![0x30; (1 << 20) + 1];
    assert_eq!(read_container(&long, b"", b"", 0), Err(MG_ERR_INVALID_ARGUMENT));
    assert_eq!(read_container(&long[1..], b"", b"", 0), Err(MG_ERR_AUTHENTICATION));
}
