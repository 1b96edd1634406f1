// Package jsonscan reads JSON in place: it checks whether a text is valid, takes
// single members out of an object, and walks over objects and lists, without
// decoding or copying anything else.
//
// It knows nothing of leads. What it returns refers to the text that it was given.
package jsonscan
