package crm

import (
	"net"

	"golang.org/x/net/dns/dnsmessage"
)

// ttl is for how many seconds an answer may be kept. Most providers have a minute.
const ttl = 60

// serveNames answers queries for addresses until conn is closed.
func (w *World) serveNames(conn net.PacketConn) {
	query := make([]byte, 1<<10)
	for {
		n, from, err := conn.ReadFrom(query)
		if err != nil {
			return
		}
		if answer, err := w.resolve(query[:n]); err == nil {
			_, _ = conn.WriteTo(answer, from) // a resolver asks again
		}
	}
}

// resolve answers a query: with an address, if that is what it asks for; with no
// record, if the host has none of the kind; or that there is no such name.
func (w *World) resolve(query []byte) ([]byte, error) {
	var p dnsmessage.Parser
	header, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := p.Question()
	if err != nil {
		return nil, err
	}
	header.Response, header.Authoritative, header.RecursionAvailable = true, true, true
	hosts, number, err := w.find(question.Name.String())
	if err != nil {
		header.RCode = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, header)
	b.EnableCompression()
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(question); err != nil {
		return nil, err
	}
	if hosts == nil || question.Type != dnsmessage.TypeA {
		return b.Finish()
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	record := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: ttl}
	if err := b.AResource(record, dnsmessage.AResource{A: hosts.addr(number).As4()}); err != nil {
		return nil, err
	}
	return b.Finish()
}
