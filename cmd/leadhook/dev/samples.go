//go:build !nodev

package dev

import (
	"github.com/leadhook/leadhook/cmd/leadhook/samplelead"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/producer"
)

// otherAdvertiser is the second advertiser with sample webhooks.
const otherAdvertiser = "CAN_118207"

// sampleWebhook takes the leads of `leadhook publish --sample`.
const sampleWebhook = "json-new-1"

// sampleWebhooks returns two webhooks for each of two advertisers, with both
// formats and both triggers, so that exactly one wants each sample lead.
func sampleWebhooks(crm string) []lead.Webhook {
	hook := func(id, advertiser string, trigger lead.Trigger, format lead.Format) lead.Webhook {
		return lead.Webhook{
			ID: id, Advertiser: advertiser, URL: crm + "/" + id, Trigger: trigger,
			LeadTypes: lead.AllLeadTypes, Format: format, Active: true, Authorization: "token sample",
		}
	}
	return []lead.Webhook{
		hook(sampleWebhook, samplelead.Advertiser, lead.NewContact, lead.JSON),
		hook("adf-existing-1", samplelead.Advertiser, lead.ExistingContact, lead.ADF),
		hook("adf-new-2", otherAdvertiser, lead.NewContact, lead.ADF),
		hook("json-existing-2", otherAdvertiser, lead.ExistingContact, lead.JSON),
	}
}

// sampleLeads is the number of sampleRecords.
const sampleLeads = 4

// sampleRecords returns a lead event of each kind, one for each sample webhook.
func sampleRecords(topic string) ([]producer.Record, error) {
	samples := [sampleLeads]struct {
		kind       lead.Kind
		advertiser string
		trigger    lead.Trigger
	}{
		{lead.KindCall, samplelead.Advertiser, lead.NewContact},
		{lead.KindForm, samplelead.Advertiser, lead.ExistingContact},
		{lead.KindEmail, otherAdvertiser, lead.NewContact},
		{lead.KindChat, otherAdvertiser, lead.ExistingContact},
	}
	var records []producer.Record
	for _, s := range samples {
		event, err := samplelead.New(s.kind, s.trigger)
		if err != nil {
			return nil, err
		}
		records = append(records, producer.Record{
			Topic: topic, Partition: -1, Key: []byte(s.advertiser), Value: event(s.advertiser),
		})
	}
	return records, nil
}
