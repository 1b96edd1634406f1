// Package deadletter reads the dead-letter topic, for tools: it lists, selects
// and follows dead letters, and makes the records that replay them.
//
// It joins no consumer group and commits nothing. It does not write dead letters:
// package producer does. It does not know why a delivery is dead, or whether to
// replay it.
package deadletter
