package ui

import (
	"net/url"
	"slices"
	"strings"
)

// The navigation. An item stands here when its page is there: nothing leads nowhere.
// Its text is "nav.NAME", that of its group "nav.group.NAME".
var accountNav = []group{
	{Items: []item{
		{Name: "overview", Icon: "layout-dashboard", Path: ""},
		{Name: "upload", Icon: "upload", Path: "upload", Roles: "uploader approver admin"},
		{Name: "files", Icon: "files", Path: "files"},
		{Name: "payments", Icon: "wallet", Path: "payments", Roles: "reader approver admin operator"},
		{Name: "outbox", Icon: "inbox", Path: "outbox", Roles: "reader approver admin operator"},
		{Name: "alarms", Icon: "bell", Path: "alarms"},
	}},
	{Name: "account", Items: []item{
		{Name: "keys", Icon: "key-round", Path: "keys", Roles: "reader approver admin operator"},
		{Name: "logins", Icon: "users", Path: "logins", Roles: "admin operator"},
		{Name: "sign-on", Icon: "shield-check", Path: "single-sign-on", Roles: "admin operator"},
		{Name: "tokens", Icon: "ticket", Path: "tokens", Roles: "admin operator"},
		{Name: "agents", Icon: "monitor", Path: "agents", Roles: "admin operator"},
		{Name: "remotes", Icon: "server", Path: "remotes", Roles: "admin operator"},
		{Name: "webhooks", Icon: "webhook", Path: "webhooks", Roles: "admin operator"},
		{Name: "settings", Icon: "settings", Path: "settings"},
		{Name: "access", Icon: "eye-off", Path: "access", Roles: "admin operator"},
		{Name: "audit", Icon: "scroll-text", Path: "audit", Roles: "admin operator"},
	}},
}

// Of who runs the gateway; paths from the root.
var gatewayNav = []group{
	{Name: "gateway", Items: []item{
		{Name: "gateway", Icon: "layout-dashboard", Path: ""},
		{Name: "accounts", Icon: "building-2", Path: "accounts"},
		{Name: "alarms", Icon: "bell", Path: "alarms"},
		{Name: "webhooks", Icon: "webhook", Path: "webhooks"},
		{Name: "operators", Icon: "user-round", Path: "operators"},
		{Name: "health", Icon: "heart-pulse", Path: "health"},
		{Name: "queues", Icon: "list-checks", Path: "queues"},
		{Name: "audit", Icon: "scroll-text", Path: "audit"},
	}},
}

type group struct {
	Name  string
	Title string // said as it is, where the name is no text: an account's
	Items []item
}

type item struct {
	Name    string
	Icon    string
	Path    string
	Roles   string // who sees it; "" = everybody
	Href    string
	Current bool
}

// navigation is what a person sees who is at a section of an account's pages.
func navigation(p Person, account, section string) []group {
	role := p.Role
	var all []group
	if p.Operator {
		role = "operator"
		all = append(all, pick(gatewayNav, role, "/", section, account == "")...)
	}
	if account != "" {
		part := pick(accountNav, role, "/a/"+url.PathEscape(account)+"/", section, true)
		if p.Operator && len(part) > 0 {
			part[0].Title = account
		}
		all = append(all, part...)
	}
	return all
}

func pick(groups []group, role, root, section string, here bool) []group {
	var all []group
	for _, g := range groups {
		g.Items = slices.Clone(g.Items)
		g.Items = slices.DeleteFunc(g.Items, func(i item) bool {
			return i.Roles != "" && !slices.Contains(strings.Fields(i.Roles), role)
		})
		for n := range g.Items {
			g.Items[n].Href = root + g.Items[n].Path
			g.Items[n].Current = here && g.Items[n].Name == section
		}
		if len(g.Items) > 0 {
			all = append(all, g)
		}
	}
	return all
}
