// Package seedfile reads and writes seed files: lists of webhooks in YAML or
// JSON, with everything that is wrong in them reported at its place.
//
// It knows the rules of a webhook, and asks its caller for the operator's policy
// for addresses and for the values of variables. It does not know Redis, nor
// what is seeded already.
package seedfile
