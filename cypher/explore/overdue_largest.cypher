// Who has the most overdue?
//
//   $limit  integer  most entities to return
//
// Twin: graphrisk overdue --by borrower
//
// Returns one entity a row, the largest overdue total first.
MATCH (entity:Entity)
WHERE entity.overdue_total > 0
RETURN
  entity.id AS borrower_id,
  entity.name AS name,
  entity.overdue_total AS overdue_total,
  entity.days_past_due AS days_past_due
ORDER BY overdue_total DESC, borrower_id
LIMIT $limit
