// Package jsonscan reads JSON in place: it checks whether a text is valid, picks single
// members of an object, and iterates over objects and lists, without decoding or copying
// anything else.
//
// It knows nothing of leads. What it returns refers to the text that it was given.
package jsonscan
