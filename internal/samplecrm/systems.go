package samplecrm

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// A system is the answer mode that is named for a real system and answers as it does.
type system func(Post) Answer

// systems are the answers of real systems, as their documentation, or who works with them, says.
var systems = map[string]system{
	"apps-script":    func(Post) Answer { return appsScript },
	"hubspot-locked": hubSpot,
	"zoho":           zoho,
	"soap-fault":     func(Post) Answer { return soapFault(http.StatusInternalServerError) },
	"soap-fault 200": func(Post) Answer { return soapFault(http.StatusOK) },
	"leadbyte": func(Post) Answer {
		return jsonAnswer(http.StatusOK, false, `{"code":1,"message":"Lead processed","records":[{"status":"Rejected","response":{"queueId":"1187","rejections":["Postcode is not covered"]}}]}`)
	},
	"follow-up-boss": func(Post) Answer { return Answer{Stored: new(false)} },
	"cloudflare":     func(Post) Answer { return cloudflare },
	"iis":            func(Post) Answer { return iis },
	"php-warning":    func(Post) Answer { return phpWarning },
	"close-silently": func(Post) Answer { return Answer{Closes: true} },
}

// Systems returns the names of the real systems that the CRM can answer like, sorted.
func Systems() []string {
	names := slices.Sorted(maps.Keys(systems))
	return slices.DeleteFunc(names, func(name string) bool { return name == "soap-fault 200" })
}

// appsScript has stored the row when it leads to where its output can be fetched once.
var appsScript = Answer{
	Status: http.StatusFound, Stored: new(true),
	Header: http.Header{
		"Location":     {"https://script.googleusercontent.com/macros/echo?user_content_key=once-only&lib=none"},
		"Content-Type": {"text/html; charset=UTF-8"},
	},
	Body: "<HTML><HEAD><TITLE>Moved Temporarily</TITLE></HEAD><BODY><H1>Moved Temporarily</H1></BODY></HTML>\n",
}

// hubSpot is locked at the first attempt, and takes the second one.
func hubSpot(p Post) Answer {
	if p.Header.Get("webhook-attempt") == "1" {
		return jsonAnswer(http.StatusLocked, false, `{"status":"error","message":"This record is currently locked","category":"CONFLICT"}`)
	}
	return jsonAnswer(http.StatusCreated, true, `{"id":"51204","properties":{}}`)
}

// zoho wants a company, and answers with a code for each record.
func zoho(p Post) Answer {
	var sent struct {
		Lead struct {
			Contact struct {
				Company string `json:"company"`
			} `json:"contact"`
		} `json:"lead"`
	}
	if json.Unmarshal(p.Body, &sent) != nil || sent.Lead.Contact.Company == "" {
		return jsonAnswer(http.StatusMultiStatus, false, `{"data":[{"code":"MANDATORY_NOT_FOUND","details":{"api_name":"Company"},"message":"required field not found","status":"error"}]}`)
	}
	return jsonAnswer(http.StatusOK, true, `{"data":[{"code":"SUCCESS","details":{"id":"3652397000000190"},"message":"record added","status":"success"}]}`)
}

func soapFault(status int) Answer {
	return Answer{
		Status: status, Stored: new(false), Header: http.Header{"Content-Type": {"text/xml; charset=utf-8"}},
		Body: `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>` +
			`<faultcode>soap:Client</faultcode><faultstring>DealerID is missing</faultstring></soap:Fault></soap:Body></soap:Envelope>`,
	}
}

// cloudflare does not let the POST through to the CRM.
var cloudflare = Answer{
	Status: http.StatusForbidden,
	Header: http.Header{"Content-Type": {"text/html; charset=UTF-8"}, "Server": {"cloudflare"}, "Cf-Mitigated": {"challenge"}, "Cf-Ray": {"8f0000000000abcd-ORD"}},
	Body:   `<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>Enable JavaScript and cookies to continue</body></html>`,
}

var iis = Answer{
	Status: http.StatusInternalServerError,
	Header: http.Header{"Content-Type": {"text/html"}, "Server": {"Microsoft-IIS/10.0"}, "X-Powered-By": {"ASP.NET"}},
	Body: "<!DOCTYPE html>\r\n<html><head><title>500 - Internal server error.</title></head>\r\n" +
		"<body><h1>Server Error</h1><h2>500 - Internal server error.</h2></body></html>\r\n",
}

// phpWarning says in its JSON, behind a warning, that it did not store the lead.
var phpWarning = Answer{
	Status: http.StatusOK, Stored: new(false), Header: http.Header{"Content-Type": {"text/html; charset=UTF-8"}, "X-Powered-By": {"PHP/8.2.12"}},
	Body: "<br />\n<b>Warning</b>:  Undefined array key \"phone\" in <b>/var/www/html/lead.php</b> on line <b>12</b><br />\n" +
		`{"success":false,"error":"phone is required"}`,
}

func jsonAnswer(status int, stored bool, body string) Answer {
	return Answer{Status: status, Stored: &stored, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

// systemMode returns the answer mode of that name, if it is one of systems.
func systemMode(name string) (AnswerMode, bool) {
	k, ok := systems[name]
	return AnswerMode{system: k, text: name}, ok
}

// For returns the answer to a POST in the mode.
func (m AnswerMode) For(p Post) Answer {
	if m.system != nil {
		return m.system(p)
	}
	return m.answer
}
