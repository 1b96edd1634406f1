package attempt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

const hookURL = "https://crm.example.com/hooks/s3cretpath?token=s3cretquery"

// judge returns the outcome of an answer, as it came, to a webhook with the URL.
func judge(t *testing.T, url, recorded string) attempt.Outcome {
	t.Helper()
	o, _, err := requestTo(t, &lead.Webhook{URL: url}).Judge([]byte(recorded))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// requestTo returns a request to a webhook.
func requestTo(t *testing.T, hook *lead.Webhook) *attempt.Request {
	t.Helper()
	c := attempt.NewClient(attempt.Options{})
	defer c.Close()
	hook.ID, hook.Advertiser, hook.Format = "w", "USA_1", lead.JSON
	target, err := c.Target(hook)
	if err != nil {
		t.Fatal(err)
	}
	return &attempt.Request{Target: target}
}

func TestWhereARedirectLeadsIsNamed(t *testing.T) {
	const with, loop = ": set that as the URL of the webhook", "the same address again: ask whoever runs the CRM"
	for _, c := range []struct{ url, location, want string }{
		{"http://crm.example.com/in", "https://crm.example.com/in", "the same address with https in place of http" + with},
		{"http://crm.example.com:80/in", "https://crm.example.com:443/in", "the same address with https in place of http" + with},
		{"https://crm.example.com/in", "http://crm.example.com/in", "the same address with http in place of https" + with},
		{"https://crm.example.com/in", "https://www.crm.example.com/in", "the same address with www. before the name" + with},
		{"https://www.crm.example.com/in", "//CRM.example.com/in", "the same address without www. before the name" + with},
		{"https://crm.example.com/in", "/in/", "the same address with a slash at the end" + with},
		{"https://crm.example.com/in/?a=b", "/in?a=b", "the same address without the slash at the end" + with},
		{"http://crm.example.com/in", "https://www.crm.example.com/in/", "the same address with https in place of http and with www. before the name and with a slash at the end" + with},
		{"https://crm.example.com", "/", loop},
		{hookURL, hookURL + "#there", loop},
		{hookURL, "/hooks/s3cretpath", "https://crm.example.com/hooks/***: set the URL at which leads are taken"},
		{"https://crm.example.com/in", "https://crm.example.com:8443/in", "https://crm.example.com:8443/in: set the URL at which leads are taken"},
		{"http://crm.example.com:8080/in", "https://crm.example.com/in", "https://crm.example.com/in: set the URL at which leads are taken"},
		{hookURL, "https://other.example.com/v2/s3cretpath?x=s3cretquery", "https://other.example.com/v2/***: set the URL at which leads are taken"},
		{hookURL, "/Account/LogOn?ReturnUrl=%2fhooks%2fs3cretpath", "https://crm.example.com/Account/***, where one logs in: check the authorization and the URL of the webhook"},
		{hookURL, "https://accounts.google.com/ServiceLogin?continue=s3cretpath", "https://accounts.google.com/ServiceLogin, where one logs in: check the authorization and the URL of the webhook"},
		{hookURL, "https://script.googleusercontent.com/macros/echo?user_content_key=s3cret", "https://script.googleusercontent.com/macros/***, as Google Apps Script answers when it has run: the webhook's answers can count that as delivered"},
	} {
		o := judge(t, c.url, "HTTP/1.1 302 Found\r\nlocation: "+c.location+"\r\n\r\n")
		want := "redirects are not followed; it leads to " + c.want
		if o.Text != "the CRM answered 302 Found: "+want || o.Why != want || strings.Contains(o.Text, "s3cret") {
			t.Errorf("%s to %s: got %q (%q), want %q", c.url, c.location, o.Text, o.Why, want)
		}
	}
	for _, location := range []string{"", "javascript:alert(1)", "https://" + strings.Repeat("a.", 2000) + "com/", "/" + strings.Repeat("a", 3000)} {
		o := judge(t, hookURL, "HTTP/1.1 307 Temporary Redirect\r\nLocation: "+location+"\r\n\r\n")
		if want := "the CRM answered 307 Temporary Redirect: redirects are not followed; set the URL that it leads to"; o.Text != want || o.Why != "" {
			t.Errorf("%.40s: got %q (%q), want %q", location, o.Text, o.Why, want)
		}
	}
}

func TestWhoAnsweredInPlaceOfTheCRMIsNamed(t *testing.T) {
	refused := func(who string) string {
		return "it is " + who + " in front of the CRM that refused, not the CRM itself; ask whoever runs it to let the leads to this URL through"
	}
	busy := func(who string) string {
		return "it is " + who + " in front of the CRM that takes no more requests for now, not the CRM itself; " + less
	}
	const cloudFront, alb = "Amazon CloudFront or its firewall (AWS WAF)", "an AWS load balancer or its firewall (AWS WAF)"
	const gateway = "an AWS API gateway (which answers so for a path that it does not have, too)"
	for _, c := range []struct {
		status       int
		header, body string
		want         string // empty: nothing is known
	}{
		{403, "server: cloudflare\r\ncf-mitigated: challenge", "<!DOCTYPE html><html lang=\"en-US\"><head><title>Just a moment...</title>", refused("a bot challenge of Cloudflare")},
		{503, "Server: cloudflare", "<html><head><title>Just a moment...</title></head>", refused("a bot challenge of Cloudflare")},
		{403, "Server: cloudflare", "<title>Attention Required! | Cloudflare</title>", refused("Cloudflare")},
		{403, "Server: cloudflare", "error code: 1020", refused("Cloudflare")},
		{429, "Server: cloudflare\r\nRetry-After: 10", "error code: 1015", busy("Cloudflare")},
		{403, "Server: cloudflare", `{"message":"bad token"}`, ""},
		{403, "Server: nginx", "error code: 1020", ""},
		{403, "Server: AkamaiGHost", "<TITLE>Access Denied</TITLE>", refused("Akamai")},
		{403, "", "Reference&#32;&#35;18&#46;2 https&#58;&#47;&#47;errors.edgesuite.net", refused("Akamai")},
		{403, "X-Iinfo: 1-2", "<iframe src=\"/_Incapsula_Resource?x\">Request unsuccessful. Incapsula incident ID: 1</iframe>", refused("Imperva (Incapsula)")},
		{405, "x-amzn-waf-action: captcha", "", refused("a bot challenge of AWS WAF")},
		{403, "Server: CloudFront", "", refused(cloudFront)},
		{403, "", "<PRE>Generated by cloudfront (CloudFront)</PRE>", refused(cloudFront)},
		{403, "Server: awselb/2.0", "<center><h1>403 Forbidden</h1></center>", refused(alb)},
		{503, "Server: awselb/2.0", "", refused(alb)},
		{403, "x-amzn-ErrorType: MissingAuthenticationTokenException", `{"message":"Missing Authentication Token"}`, refused(gateway)},
		{429, "x-amzn-ErrorType: LimitExceededException", `{"message":"Limit Exceeded"}`, busy(gateway)},
		{403, "Server: Sucuri/Cloudproxy\r\nX-Sucuri-Block: 01", "", refused("the firewall of Sucuri")},
		{403, "", "<title>Sucuri WebSite Firewall - Access Denied</title>", refused("the firewall of Sucuri")},
		{403, "x-azure-ref: 0abc", "<h2>The request is blocked.</h2>", refused("Azure Front Door or its firewall")},
		{403, "x-azure-ref: 0abc", "no token", ""},
		{403, "Server: Microsoft-Azure-Application-Gateway/v2", "", refused("the Application Gateway of Azure")},
		{401, "", `{"statusCode":401,"message":"Access denied due to missing subscription key."}`, refused("Azure API Management, which wants a subscription key,")},
		{403, "", "The requested URL was rejected. Please consult with your administrator.<br>Your support ID is: 1", refused("a firewall of F5")},
		{406, "", "<h1>Not Acceptable!</h1><p>This error was generated by Mod_Security.</p>", refused("the firewall ModSecurity")},
		{503, "", "<p>Generated by Wordfence at Mon", refused("the firewall Wordfence")},
		{403, "", `{"url":"https://geo.captcha-delivery.com/captcha/"}`, refused("a bot challenge of DataDome")},
		{401, "", `{"error":"token"}`, ""},
		{404, "Server: AkamaiGHost", "", ""},
		{500, "Server: AkamaiGHost", "", ""},
		{521, "Server: cloudflare", "", "it is Cloudflare in front of the CRM that says so: it gets no usable answer from the CRM itself"},
		{521, "Server: nginx", "", ""},
		{403, "", strings.Repeat(" ", 5000) + "mod_security", ""},
	} {
		header := c.header
		if header != "" {
			header += "\r\n"
		}
		o := judge(t, hookURL, fmt.Sprintf("HTTP/1.1 %d Status\r\n%s\r\n%s", c.status, header, c.body))
		if o.Why != c.want || c.want != "" && !strings.HasSuffix(o.Text, ": "+c.want) {
			t.Errorf("%d, %q, %.60q: got %q (%q), want %q", c.status, c.header, c.body, o.Text, o.Why, c.want)
		}
	}
}

const less = "ask whoever runs it for a higher limit, or set a rate for the webhook"

func TestAQuotaIsNamed(t *testing.T) {
	const limited = "it is a quota or a rate limit of the CRM; " + less
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{429, "", ""},
		{429, "Too Many Requests", limited},
		{429, `{"status":"error","message":"You have reached your daily limit.","policyName":"DAILY"}`, limited},
		{429, `{"errors":[{"type":"PUBLIC_API_BILLING_LIMIT_EXCEEDED"}]}`, limited},
		{403, `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`, limited},
		{403, `{"error":{"code":403,"errors":[{"reason":"rateLimitExceeded"}]}}`, limited},
		{503, `{"message":"API quota exceeded for this account"}`, limited},
		{402, `{"message":"Monthly limit reached, please upgrade"}`, "a quota of the CRM's account is used up; ask whoever pays for it"},
		{402, "", "the CRM's account is not paid for, or its plan does not include this"},
		{403, `{"message":"no token"}`, ""},
		{503, "", ""},
		{422, `{"message":"quota"}`, ""},
	} {
		o := judge(t, hookURL, fmt.Sprintf("HTTP/1.1 %d Status\r\n\r\n%s", c.status, c.body))
		if o.Why != c.want {
			t.Errorf("%d %s: got %q, want %q", c.status, c.body, o.Why, c.want)
		}
	}
}
