package attempt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// signingKeys decodes the signing secrets of Standard Webhooks 1.0: "whsec_" and
// base64. The error quotes nothing of them.
func signingKeys(secrets []lead.Secret) ([][]byte, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		text, ok := strings.CutPrefix(secret.Reveal(), "whsec_")
		key, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(key) == 0 {
			return nil, errors.New("a signing secret must be whsec_ and then base64; seed the webhook again")
		}
		keys[i] = key
	}
	return keys, nil
}

// sign returns the value of webhook-signature (Standard Webhooks 1.0): for each
// key an HMAC-SHA256 over id, time and body. During a rotation there are two keys,
// and the receiver needs to know only one of them.
func sign(keys [][]byte, id, unix string, body [][]byte) string {
	var value []byte
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + unix + "."))
		for _, part := range body {
			mac.Write(part)
		}
		if len(value) > 0 {
			value = append(value, ' ')
		}
		value = append(value, "v1,"...)
		value = base64.StdEncoding.AppendEncode(value, mac.Sum(nil))
	}
	return string(value)
}
