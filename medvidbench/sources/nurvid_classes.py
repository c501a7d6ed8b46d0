"""NurViD's procedures and actions by the ids of its JSON file, which count from 1 (the workbook counts from 0).

Spelled as in the workbook, slips included ("Spread the proximal bedshee"): the public evaluator looks procedures up by
their names. Three names stand under two ids each (24 and 131, 65 and 76, 96 and 98), so only an id tells an action.
Released under CC BY 4.0 with the annotations.
"""

from __future__ import annotations

_PROCEDURES = """
Surgical Hand Scrub
Cardiopulmonary Resuscitation WIth Manual Resuscitation Bag
Perineal Care
Donning and Doffing Isolation Gowns
Closed Intravenous infusion
Subcutaneous Injection
Change a Two-Piece Pouching System
Blood Glucose Monitoring
Intravenous Injection
Intravenous Blood Sampling
Oral Care for Unconscious Patients
Logrolling with Draw Sheet
Vital Sign Assessment
Use of Restraints
Subcutaneous Injection Insulin
Nasogastric Gavage
Transfer with Stretcher
Administering Oral Medications
Change a One-Piece Pouching System
Intramuscular Injection
Change Sheets of an Occupied Bed
Bed Rubbing
Change Wound Dressings
Oxygen Nebulization
Wheelchair Transfer Technique
Bed Shampoo
Urine Specimen Collection
Penicillin Skin Testing
Infusion by Pump
High-Volume Colonic Enemas
Defibrillation
Arterial Blood Sampling
Closed Bed Making
Female Retention Catheterization
Stool Specimen Collection
Oxygen Therapy with Central Oxygen Supply
Male Retention Catheterization
Modified Seldinger Technique with Ultrasound for PICC Placement
Throat Swab Collection
Oral and Nasal Suctioning with Electric Suction Device
Sputum Specimen Collection
Retention Enema
Peripheral Venous Indwelled Needle Infusion and Maintaince
Injection by Pump
Electrocardiogram
Oral and Nasal Suctioning with Central Negative Pressure Device
Aseptic Technique
Nasogastric Tube
Multi-Parameter Monitoring
Closed System Blood Transfusion
Skin Preparation
"""

_ACTIONS = """
Clean and scrub the perineum
Disinfect skin
Handwashing
Position the patient
Check
Inject medication
Place an underpad
Venipuncture
Cleanse skin
Rinse with running water
Document
Secure ostomy bag
Perform surgical hand scrub
Blood collection
Prepare medication solution
Release trapped air
Select a vein
Immobilize the shoulder
Remove needle
Perform subcutaneous puncture
Measure blood glucose level
Remove ostomy bag
Connect infusion device
Remove isolation gown
Apply leak prevention ointment
Prepare glucometer
Perform chest compressions
Assist with ventilation using a simple respirator
Draw bed curtains
Turn patient to left lateral position
Trim ostomy bag baseplate
Establish a sterile zone
Spread the proximal bedshee
Rinse shampoo
Insert urinary catheter
Measure blood pressure
Apply skin protection film
Put on isolation gown
Insert rectal tube
Prepare medications
Apply shampoo
Perform seven-step handwashing technique
Aspirate medication
Assist patient taking medicine
Measure body temperature
Set parameters
Measure pulse
Remove proximal bedsheet
Transport in wheelchair
Fill in dressing
Rub upper limbs
Install nebulizer
Wash face
Insert gastric tube
Spread the opposite side bed sheet
Identify cardiac arrest
Remove rectal tube
Perform intradermal puncture
Moisten hair
Prepare defibrillation device
Dry hair
Confirm the position of the gastric tube in the stomach
Secure the base
Cleanse lips
Defibrillate
Cleanse chest and abdomen
Cleanse back
Open airway
Cleanse outer surfaces of teeth
Adjust oxygen flow rate
Tie waist knot
Dry hands
Withdraw the opposite side bed sheet
Measure the length of the gastric tube
Spray stoma care powder
Defibrillate
Remove dressing
Perform arterial puncture
Collect urine specimen
Spread the large sheet
Administer oxygen
Guide nebulization
Check and secure the tubing
Rub lower limbs
Mix blood sample
Prepare skin test solution
Secure gastric tube
Nasogastric feeding
Collect stool specimen
Measure respiration
Change upper clothing
Wear gloves
Collect pharyngeal swab specimen
Two-person transfer
Adjust drip rate
Cleanse inner surfaces of teeth
Connect lead wires
Cleanse inner surfaces of teeth
Collect sputum specimen
Prepare operating space
PICC insertion
Remove the base plate
Connect suction catheter
Loosen isolation gown
Perform oral-pharyngeal suction
Remove urinary catheter
Install oxygen inhalation device
Assist with bed rest
Withdraw the introducer sheath
Check the thermometer
Perform surgical hand disinfection
Fasten buckle
Shift to the right side
Organize the bed unit
Perform three-person transfer
Cover pillow with pillowcase
Select the needle puncture site
Cleanse perineum
Comb hair
Inspect urinary catheter
Perform four-person transfer
Adjust negative pressure
Secure urinary catheter
Observe skin around wound site
Observe results of skin test
Change pillowcase
Flush the sealed tube
Withdraw nebulizer
Secure the indwelling needle
Soak feet
Remove isolation gown
Dispose of arterial blood collection device
Cleanse cheeks
Check the blood pressure meter
Replace clean bedsheet
Move and transfer
Evaluate wound status
Rinse suction catheter
Expose the connection sit
Evaluate resuscitation effect
Connect the monitor
Measure the length of PICC catheter
Perform nasopharyngeal and nasotracheal suction
Observe drainage situation
Save electrocardiogram (ECG) results
Remove the lead wires
Perform single-person transfer
Connect suction tube
Prepare cotton balls
Cleanse hard palate
Cleanse tongue surface
Connect injection device
Withdraw contaminated bed shee
Transfuse blood
Withdraw oxygen inhalation device
Remove gastric tube
Organize the blood pressure mete
Disinfect instruments
Change dressing
Observe defibrillation results
Take treatment towels
Apply conductive gel
Cover with bed sheet
Rinse mouth
Change pants
Secure drainage tube
Check medication
Take treatment bowl
Pour sterile solution
Cleanse oral cavity bottom
Restrict knee
Mark
Monitor blood oxygen saturation
Check the pressure reducer
Inspect skin
Perform endotracheal suctioning
Monitor electrocardiogram (ECG)
"""

PROCEDURES: dict[int, str] = dict(enumerate(_PROCEDURES.strip().splitlines(), start=1))
ACTIONS: dict[int, str] = dict(enumerate(_ACTIONS.strip().splitlines(), start=1))
