use casemate::*;
fn go(uri: &str) {
    let dev = Device::open(uri).unwrap();
    println!("{:?}", dev.capabilities());
    let mut s = dev.session().unwrap();
    let key = s.import(&[7; 32]).unwrap();
    for n in [0usize, 1, 16, 17, 64, 100, 300, 5000] {
        let plain: Vec<u8> = (0..n).map(|i| i as u8).collect();
        let sealed = s.seal(key, b"unique nonce", b"aad", &plain).unwrap();
        use aes_gcm::{
            Aes256Gcm, KeyInit,
            aead::{Aead, Payload},
        };
        let want = Aes256Gcm::new(&[7; 32].into())
            .encrypt(
                b"unique nonce".into(),
                Payload {
                    msg: &plain,
                    aad: b"aad",
                },
            )
            .unwrap();
        assert_eq!(sealed, want, "{n}");
        assert_eq!(s.open(key, b"unique nonce", b"aad", &sealed).unwrap(), plain);
    }
    println!("{:?}", dev.counters().unwrap());
}
#[test]
fn soft() {
    go("soft:");
}
#[test]
fn sim() {
    go("sim:");
}
