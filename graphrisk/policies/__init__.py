"""Rules as data: what financiers, suppliers and projects do when trust falls."""
