// Package seal encrypts what must not be read or changed where it is stored. What
// it makes is called a box: bytes that open only with the key, and only together
// with the associated data, with which they were sealed.
//
// A box says in clear what it is: its first line is "sealed" and the id of its key,
// and then come the nonce, the ciphertext and the tag of AES-256-GCM; or the line is
// "plain", and then the content follows as it is. An altered box does not open, and
// neither does one that was copied to where other associated data is expected.
//
// Each box has a random nonce of 96 bits. So that two boxes of one key practically
// never have the same nonce, a key must seal at most 2^32 boxes (NIST SP 800-38D,
// section 8.3): one a second for 136 years. Nothing counts them.
//
// The package knows nothing of webhooks, nor where boxes are stored. It does know
// the names of the settings (secrets.keys, secrets.keys_file, secrets.plain), for the
// errors that tell a person what to do.
package seal
