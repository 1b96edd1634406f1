// Package seedfile reads and writes seed files: lists of webhooks in YAML or JSON. It
// reports everything that is wrong in a file, each with its position.
//
// It knows the rules of a webhook. Its caller provides the operator's policy for
// addresses and the values of variables. It does not know Redis, nor what is seeded
// already.
package seedfile
