// SPDX-License-Identifier: Apache-2.0
//! The system's libcrypto, found as it runs: no headers are needed, and where it is missing there is no row of it.

use anyhow::{Context, Result, ensure};
use libloading::{Library as Dynamic, Symbol};
use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};
use std::ptr::{null, null_mut};

type P = *mut c_void;

/// libcrypto of OpenSSL 3.
pub struct Library(Dynamic);

impl Library {
    pub fn open() -> Result<Self> {
        // SAFETY: loading libcrypto runs its own initialisation and nothing else.
        let library = unsafe { Dynamic::new("libcrypto.so.3") };
        Ok(Self(library.context("no libcrypto.so.3 here")?))
    }

    /// # Safety
    /// `T` is the type of the function `name` in OpenSSL 3.
    unsafe fn get<T>(&self, name: &str) -> Result<Symbol<'_, T>> {
        // SAFETY: as promised by the caller.
        unsafe { self.0.get(name.as_bytes()) }.with_context(|| format!("libcrypto has no {name}"))
    }

    pub fn version(&self) -> String {
        // SAFETY: `const char *OpenSSL_version(int)`; the text is static.
        let text = unsafe {
            let version = self.get::<unsafe extern "C" fn(c_int) -> *const c_char>("OpenSSL_version");
            version.map(|v| CStr::from_ptr(v(0)).to_string_lossy().into_owned())
        };
        let text = text.unwrap_or_default();
        text.split(' ').nth(1).unwrap_or("unknown").into()
    }
}

type Init = unsafe extern "C" fn(P, *const c_void, P, *const c_uchar, *const c_uchar) -> c_int;
type Update = unsafe extern "C" fn(P, *mut c_uchar, *mut c_int, *const c_uchar, c_int) -> c_int;
type Final = unsafe extern "C" fn(P, *mut c_uchar, *mut c_int) -> c_int;
type Control = unsafe extern "C" fn(P, c_int, c_int, *mut c_void) -> c_int;
type Free = unsafe extern "C" fn(P);

/// AES-256-GCM through EVP, the key set once.
pub struct Gcm<'a> {
    pub library: &'a Library,
    context: P,
    init: Symbol<'a, Init>,
    update: Symbol<'a, Update>,
    end: Symbol<'a, Final>,
    control: Symbol<'a, Control>,
    free: Symbol<'a, Free>,
}

const GET_TAG: c_int = 0x10;

impl<'a> Gcm<'a> {
    pub fn new(library: &'a Library, key: &[u8; 32]) -> Result<Self> {
        // SAFETY: the types are those of evp.h of OpenSSL 3; the key has the 32 bytes that the cipher reads.
        unsafe {
            let new = library.get::<unsafe extern "C" fn() -> P>("EVP_CIPHER_CTX_new")?;
            let cipher = library.get::<unsafe extern "C" fn() -> *const c_void>("EVP_aes_256_gcm")?;
            let gcm = Self {
                library,
                context: new(),
                init: library.get("EVP_EncryptInit_ex")?,
                update: library.get("EVP_EncryptUpdate")?,
                end: library.get("EVP_EncryptFinal_ex")?,
                control: library.get("EVP_CIPHER_CTX_ctrl")?,
                free: library.get("EVP_CIPHER_CTX_free")?,
            };
            let done = (gcm.init)(gcm.context, cipher(), null_mut(), key.as_ptr(), null());
            ensure!(done == 1, "EVP_EncryptInit_ex");
            Ok(gcm)
        }
    }

    pub fn seal(&mut self, iv: &[u8; 12], data: &mut [u8]) -> Result<[u8; 16]> {
        let (mut len, mut tag) = (0, [0; 16]);
        // SAFETY: in place over the whole of `data`, as EVP allows; the final call of GCM writes nothing, the tag has 16 bytes.
        unsafe {
            let c = self.context;
            ensure!(
                (self.init)(c, null(), null_mut(), null(), iv.as_ptr()) == 1
                    && (self.update)(c, data.as_mut_ptr(), &mut len, data.as_ptr(), data.len() as c_int) == 1
                    && (self.end)(c, tag.as_mut_ptr(), &mut len) == 1
                    && (self.control)(c, GET_TAG, 16, tag.as_mut_ptr().cast()) == 1,
                "EVP_Encrypt"
            );
        }
        Ok(tag)
    }
}

impl Drop for Gcm<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { (self.free)(self.context) }
    }
}

type Generate = unsafe extern "C" fn(P, *const c_char, *const c_char, ...) -> P;
type OfKey = unsafe extern "C" fn(P, P, *const c_char) -> P;
type Ready = unsafe extern "C" fn(P) -> c_int;
type Sign = unsafe extern "C" fn(P, *mut c_uchar, *mut usize, *const c_uchar, usize) -> c_int;
type Verify = unsafe extern "C" fn(P, *const c_uchar, usize, *const c_uchar, usize) -> c_int;

/// A key pair, a digest and its signature.
pub struct Pair<'a> {
    pub library: &'a Library,
    signs: P,
    verifies: P,
    sign: Symbol<'a, Sign>,
    verify: Symbol<'a, Verify>,
    digest: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Pair<'a> {
    /// Its objects live until the program ends, which is soon.
    pub fn new(library: &'a Library, p384: bool) -> Result<Self> {
        let curve = if p384 { c"P-384" } else { c"P-256" };
        // SAFETY: the types are those of evp.h of OpenSSL 3; EVP_PKEY_Q_keygen takes the curve's name after "EC".
        unsafe {
            let generate = library.get::<Generate>("EVP_PKEY_Q_keygen")?;
            let of_key = library.get::<OfKey>("EVP_PKEY_CTX_new_from_pkey")?;
            let key = generate(null_mut(), null(), c"EC".as_ptr(), curve.as_ptr());
            ensure!(!key.is_null(), "EVP_PKEY_Q_keygen");
            let (signs, verifies) = (of_key(null_mut(), key, null()), of_key(null_mut(), key, null()));
            ensure!(
                library.get::<Ready>("EVP_PKEY_sign_init")?(signs) == 1,
                "EVP_PKEY_sign_init"
            );
            ensure!(
                library.get::<Ready>("EVP_PKEY_verify_init")?(verifies) == 1,
                "EVP_PKEY_verify_init"
            );
            let mut pair = Self {
                library,
                signs,
                verifies,
                sign: library.get("EVP_PKEY_sign")?,
                verify: library.get("EVP_PKEY_verify")?,
                digest: vec![7; if p384 { 48 } else { 32 }],
                signature: Vec::new(),
            };
            pair.sign()?;
            Ok(pair)
        }
    }

    pub fn sign(&mut self) -> Result<()> {
        self.signature.resize(128, 0);
        let mut len = self.signature.len();
        // SAFETY: a DER signature of these curves has at most 104 bytes; the lengths are those of the buffers.
        let done = unsafe {
            (self.sign)(
                self.signs,
                self.signature.as_mut_ptr(),
                &mut len,
                self.digest.as_ptr(),
                self.digest.len(),
            )
        };
        ensure!(done == 1, "EVP_PKEY_sign");
        self.signature.truncate(len);
        Ok(())
    }

    pub fn verify(&mut self) -> Result<()> {
        let (s, d) = (&self.signature, &self.digest);
        // SAFETY: the lengths are those of the buffers.
        let good = unsafe { (self.verify)(self.verifies, s.as_ptr(), s.len(), d.as_ptr(), d.len()) };
        ensure!(good == 1, "EVP_PKEY_verify");
        Ok(())
    }
}
