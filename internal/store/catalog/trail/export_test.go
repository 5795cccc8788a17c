package trail

// Indexes are the queries of a log with a million entries, and the index that
// answers each.
var Indexes = map[string]string{
	auditOfAccount: "audit_account",
	selectAudit + `WHERE number IS NULL AND account = ? AND ` + auditRest: "audit_pending",
	selectAudit + `WHERE ` + auditRest:                                    "PRIMARY KEY",
	selectAudit + `WHERE number IS NULL ORDER BY id LIMIT ?`:              "audit_pending",
	auditOfObject: "audit_object",
	`SELECT EXISTS (SELECT 1 FROM audit WHERE number IS NULL)`: "audit_pending",
}
