// Package samplecrm is a CRM to try leadhook with: it takes leads by POST and
// shows each one, on a terminal and on a page. It answers as it is told to:
// healthy, failing, slow. `leadhook dev`, `leadhook dev crm` and the tests use it.
//
//	c, err := samplecrm.Start(samplecrm.Options{Listen: "127.0.0.1:8085", Out: os.Stdout, Page: true})
//
// It knows lead events and the contract of the webhooks, nothing of the service
// that calls it.
package samplecrm
