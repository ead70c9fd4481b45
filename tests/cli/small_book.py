"""A book of four loans, one of a person, one whose id is a phone number."""

CARD = "110101199003071234"
PHONE = "13800138000"

BOOK = {
    "entities.csv": (
        "entity_id,name,kind,group_id,cash\n"
        "A,Anvil Steel,company,G1,100.00\n"
        f"{CARD},张小三,person,,\n"
        "B,Bolt Works,company,G1,\n"
        "F1,First Bank,bank,,\n"
        "SPV,Bridge Co,project_spv,,\n"
    ),
    "loans.csv": (
        "loan_id,borrower_id,lender_id,principal,annual_rate,start_date,product\n"
        "L1,A,F1,1000.00,0.12,2024-01-01,line\n"
        f"L2,{CARD},F1,500.00,0.12,2024-01-01,=term\n"
        f"L-{PHONE},B,F1,200.00,0.12,2024-01-01,line\n"
        "L4,SPV,F1,300.00,0.12,2024-01-01,line\n"
    ),
    "schedule.csv": (
        "loan_id,no,due_date,principal_due,interest_due\n"
        "L1,1,2024-05-01,1000.00,40.00\n"
        "L2,1,2024-06-20,500.00,20.00\n"
        f"L-{PHONE},1,2024-12-01,200.00,20.00\n"
        "L4,1,2024-12-01,300.00,20.00\n"
    ),
    "payments.csv": "payment_id,loan_id,paid_date,amount\nP1,L1,2024-06-30,140.00\n",
    "projects.csv": "project_id,spv_id\nPJ,SPV\n",
}
