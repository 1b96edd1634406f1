// Package record writes what is known about a delivery into the headers of a Kafka
// record, and reads it back: for dead letters and for deliveries that wait.
//
// It knows the names and formats of the headers. It does not know to which topic and
// partition a record is published, nor with which key.
package record
