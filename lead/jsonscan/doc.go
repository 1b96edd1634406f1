// Package jsonscan reads JSON where it stands: it checks a text, takes single
// members of an object out of it, and walks over objects and lists, without
// decoding or copying what nobody asked for.
//
// It knows nothing of leads. What it returns refers to the text that it was
// given.
package jsonscan
